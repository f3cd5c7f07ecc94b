/**
 * `http:` and `https:` stores: an archive that is published on a web server,
 * to read. See docs/stores.md.
 *
 * @module
 */

import { BlobError } from "./blob_store.ts";
import { HttpService, READ_ONLY_FAULT } from "./http_service.ts";
import type { BlobStorePlugin } from "./plugin.ts";
import { openRemoteStore } from "./remote_open.ts";
import type { RemoteStore } from "./remote_store.ts";

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
    return await openRemoteStore(
      { display, signal },
      async (transport, options) => ({
        service: await HttpService.open(base, transport, options),
        createIfAbsent: {
          createExclusive: false,
          createExclusiveFault: READ_ONLY_FAULT,
        },
      }),
    );
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
