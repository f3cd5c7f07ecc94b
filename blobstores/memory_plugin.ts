/**
 * `memory:` stores. `memory:NAME` is the same space each time it is opened in
 * this thread; `memory:` alone is a new one. Neither outlives the process.
 *
 * @module
 */

import { BlobError } from "./blob_store.ts";
import { MemorySpace, MemoryStore } from "./memory_store.ts";
import { throwIfCancelled } from "./operation.ts";
import type { BlobStorePlugin } from "./plugin.ts";
import { shownUrl } from "./shown_url.ts";

const NAME = /^[A-Za-z0-9._-]*$/;

/** Opens spaces in memory; `spaces` keeps those that have a name. */
export function memoryPlugin(
  spaces: Map<string, MemorySpace> = new Map(),
): BlobStorePlugin {
  return {
    apiVersion: 1,
    schemes: ["memory"],
    // deno-lint-ignore require-await -- rejects instead of throwing
    async open(url, { create }, { signal }): Promise<MemoryStore> {
      throwIfCancelled(signal, `open ${shownUrl(url)}`);
      const name = url.slice(url.indexOf(":") + 1);
      if (!NAME.test(name)) {
        throw new BlobError(
          `Cannot open ${
            JSON.stringify(shownUrl(url))
          }: the name of a space in memory ` +
            `is made of letters, digits, ".", "_" and "-", as in memory:test`,
          { code: "InvalidConfig" },
        );
      }
      const display = `memory:${name}`;
      if (name === "") return new MemoryStore({ display });
      const known = spaces.get(name);
      if (known === undefined && !create) {
        throw new BlobError(
          `Cannot open ${display}: this process has no such space in ` +
            `memory. Ask for a new one with --create`,
          { code: "NotFound" },
        );
      }
      const space = known ?? new MemorySpace();
      spaces.set(name, space);
      return new MemoryStore({ space, display });
    },
  };
}

/** The spaces of this thread. */
const plugin: BlobStorePlugin = memoryPlugin();

export default plugin;
