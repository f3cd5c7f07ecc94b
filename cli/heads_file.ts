/**
 * The newest roots seen, as a small file in the state folder: a cache that
 * keeps start-up from growing with an archive's history.
 *
 * @module
 */

import type { HintsCache } from "../cas/engine/hints.ts";

/** Keeps hints at `path`. A torn or missing file only costs time. */
export function headsFile(path: string): HintsCache {
  return {
    async load(): Promise<unknown> {
      try {
        return JSON.parse(await Deno.readTextFile(path));
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      }
    },
    async save(hints): Promise<void> {
      const temporary = `${path}.new`;
      await Deno.writeTextFile(temporary, JSON.stringify(hints));
      await Deno.rename(temporary, path);
    },
  };
}
