/**
 * `azure:` stores: `azure://account/container/prefix`. See docs/stores.md for
 * the options and credentials.
 *
 * @module
 */

import { azureFailure, makeAzureClient } from "./azure_client.ts";
import { AzureService } from "./azure_service.ts";
import { parseAzureUrl } from "./azure_url.ts";
import { BlobError } from "./blob_store.ts";
import type { BlobStorePlugin } from "./plugin.ts";
import { openBucketStore } from "./remote_open.ts";
import type { RemoteStore } from "./remote_store.ts";

/** Opens containers as stores. */
const plugin: BlobStorePlugin = {
  apiVersion: 1,
  schemes: ["azure"],
  async open(url, { create }, { signal }): Promise<RemoteStore> {
    const place = parseAzureUrl(url);
    const { prefix, display } = place;
    requireSystemName(display);
    return await openBucketStore({ display, create, signal }, (transport) => {
      const container = makeAzureClient(
        place,
        transport,
        (name) => Deno.env.get(name),
      );
      return {
        title: `container "${place.container}"`,
        service: new AzureService({ container, prefix, transport }),
        // Listing is what a token for one container is sure to allow.
        look: (options) =>
          container.listBlobsFlat({ prefix, ...options })
            .byPage({ maxPageSize: 1 }).next(),
        make: (options) => container.create(options),
        failure: azureFailure,
      };
    });
  },
};

export default plugin;

/** The SDK asks for it in a promise that nobody awaits: a refusal would end the process. */
function requireSystemName(display: string): void {
  const name = { name: "sys", kind: "osRelease" } as const;
  if (Deno.permissions.querySync(name).state === "granted") return;
  throw new BlobError(
    `Cannot open ${display}: the Azure client library asks for the release ` +
      `of the system. Run again with --allow-sys=osRelease`,
    { code: "PermissionDenied" },
  );
}
