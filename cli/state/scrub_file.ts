/**
 * Where a scrub stands, as a file in the state folder.
 *
 * @module
 */

import type { ScrubMemory } from "../../cas/engine/scrub_memory.ts";
import { readJsonFile } from "./json_file.ts";
import { replaceFile } from "./replace_file.ts";

/** Keeps scrubs at `path`. A missing file only means that the next one begins anew. */
export function scrubFile(path: string): ScrubMemory {
  return {
    load: () => readJsonFile(path),
    save: (state) => replaceFile(path, `${JSON.stringify(state)}\n`),
  };
}
