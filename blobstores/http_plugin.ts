/**
 * `http:` and `https:` stores: an archive that is published on a web server,
 * to read. See docs/stores.md.
 *
 * @module
 */

import { BlobError } from "./blob_store.ts";
import { HttpService, READ_ONLY_FAULT } from "./http_service.ts";
import type { BlobStorePlugin } from "./plugin.ts";
import { remoteError } from "./remote_failure.ts";
import { RemoteStore } from "./remote_store.ts";
import { RemoteTransport } from "./remote_transport.ts";

/** So many ranged reads at once fill the latency of a distant server. */
const CONCURRENCY_MAX = 64;

/** Opens web servers' folders as stores. */
const plugin: BlobStorePlugin = {
  apiVersion: 1,
  schemes: ["http", "https"],
  async open(url, { create }, { signal }): Promise<RemoteStore> {
    const base = parseHttpUrl(url);
    const display = base.replace(/\/$/, "");
    if (create) {
      throw new BlobError(
        `Cannot make a store at ${display}: ${READ_ONLY_FAULT}`,
        {
          code: "Unsupported",
        },
      );
    }
    const transport = new RemoteTransport(CONCURRENCY_MAX);
    try {
      const options = signal === undefined ? {} : { signal };
      return new RemoteStore({
        display,
        capabilities: {
          createExclusive: false,
          createExclusiveFault: READ_ONLY_FAULT,
          hold: false,
          concurrencyMax: CONCURRENCY_MAX,
        },
        service: await HttpService.open(base, transport, options),
      });
    } catch (error) {
      transport.close();
      throw remoteError(error, { action: `open ${display}`, signal });
    }
  },
};

export default plugin;

/** The address that all blobs' begin with; ends with "/". Throws `InvalidConfig`. */
function parseHttpUrl(text: string): string {
  if (!URL.canParse(text)) throw invalid("it is no URL");
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") {
    throw invalid("credentials do not belong in it, and none are sent");
  }
  if (url.search !== "" || url.hash !== "") {
    throw invalid("it has a ? or #, and the names of blobs go behind it");
  }
  return url.href.replace(/\/*$/, "/");
}

function invalid(fault: string): BlobError {
  return new BlobError(
    `Cannot use the web address of the store: ${fault}. It is written ` +
      `https://HOST/FOLDER`,
    { code: "InvalidConfig" },
  );
}
