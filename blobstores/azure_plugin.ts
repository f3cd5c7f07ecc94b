/**
 * `azure:` stores: `azure://account/container/prefix`. See docs/stores.md for
 * the options and credentials.
 *
 * @module
 */

import type { ContainerClient } from "@azure/storage-blob";
import { azureFailure, makeAzureClient } from "./azure_client.ts";
import { AzureService } from "./azure_service.ts";
import { type AzurePlace, parseAzureUrl } from "./azure_url.ts";
import { BlobError } from "./blob_store.ts";
import type { BlobStorePlugin } from "./plugin.ts";
import { remoteError } from "./remote_failure.ts";
import { probeCreateIfAbsent } from "./remote_probe.ts";
import { RemoteStore } from "./remote_store.ts";
import { RemoteTransport } from "./remote_transport.ts";

/** So many ranged reads at once fill the latency of a distant service. */
const CONCURRENCY_MAX = 64;

/** Opens containers as stores. */
const plugin: BlobStorePlugin = {
  apiVersion: 1,
  schemes: ["azure"],
  async open(url, { create }, { signal }): Promise<RemoteStore> {
    const place = parseAzureUrl(url);
    const { display } = place;
    requireSystemName(display);
    const transport = new RemoteTransport(CONCURRENCY_MAX);
    try {
      const container = makeAzureClient(
        place,
        transport,
        (name) => Deno.env.get(name),
      );
      const { prefix } = place;
      const service = new AzureService({ container, prefix, transport });
      await enterContainer(container, place, { create, signal });
      const probe = await probeCreateIfAbsent(
        service,
        signal === undefined ? {} : { signal },
      );
      return new RemoteStore({
        display,
        capabilities: {
          ...probe,
          hold: false,
          concurrencyMax: CONCURRENCY_MAX,
        },
        service,
      });
    } catch (error) {
      transport.close();
      throw remoteError(error, { action: `open ${display}`, signal });
    }
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

interface EnterOptions {
  readonly create: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Sees that the container is there, makes it if that is asked for. */
async function enterContainer(
  container: ContainerClient,
  { container: name, prefix, display }: AzurePlace,
  { create, signal }: EnterOptions,
): Promise<void> {
  const options = signal === undefined ? {} : { abortSignal: signal };
  try {
    // Listing is what a token for one container is sure to allow.
    const pages = container.listBlobsFlat({ prefix, ...options });
    await pages.byPage({ maxPageSize: 1 }).next();
    return;
  } catch (error) {
    const failure = azureFailure(error);
    if (failure.status !== 404) throw failure;
  }
  if (!create) {
    throw new BlobError(
      `Cannot open ${display}: there is no container "${name}". Check the ` +
        `name for a typing error, or ask for a new store with --create`,
      { code: "NotFound" },
    );
  }
  try {
    await container.create(options);
  } catch (error) {
    const failure = azureFailure(error);
    // Another server may have made it meanwhile; if not, the probe tells.
    if (failure.status !== 409) throw failure;
  }
}
