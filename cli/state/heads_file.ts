/**
 * The newest roots seen, as a small file in the state folder: a cache that
 * keeps start-up from growing with an archive's history.
 *
 * @module
 */

import type { HintsCache } from "../../cas/engine/hints.ts";
import { readJsonFile } from "./json_file.ts";

/** Keeps hints at `path`. A torn or missing file only costs time. */
export function headsFile(path: string): HintsCache {
  return {
    load: () => readJsonFile(path),
    async save(hints): Promise<void> {
      const temporary = `${path}.new`;
      await Deno.writeTextFile(temporary, JSON.stringify(hints));
      await Deno.rename(temporary, path);
    },
  };
}
