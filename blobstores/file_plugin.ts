/**
 * `file:` stores: `file:./archive`, `file:/srv/archive`.
 *
 * @module
 */

import type { FileStore } from "./file_store.ts";
import { openFileStore } from "./file_store.ts";
import { parseFileUrl } from "./file_url.ts";
import { throwIfCancelled } from "./operation.ts";
import type { BlobStorePlugin } from "./plugin.ts";
import { shownUrl } from "./shown_url.ts";

/** Opens folders as stores. */
const plugin: BlobStorePlugin = {
  apiVersion: 1,
  schemes: ["file"],
  async open(url, { create }, { signal }): Promise<FileStore> {
    throwIfCancelled(signal, `open ${shownUrl(url)}`);
    const path = parseFileUrl(url, () => Deno.cwd());
    return await openFileStore({ path, create });
  },
};

export default plugin;
