/**
 * Where a scrub stands, as a file in the state folder.
 *
 * @module
 */

import type { ScrubMemory } from "../cas/engine/scrub_memory.ts";
import { replaceFile } from "./replace_file.ts";

/** Keeps scrubs at `path`. A missing file only means that the next one begins anew. */
export function scrubFile(path: string): ScrubMemory {
  return {
    async load(): Promise<unknown> {
      try {
        return JSON.parse(await Deno.readTextFile(path));
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      }
    },
    save: (state) => replaceFile(path, `${JSON.stringify(state)}\n`),
  };
}
