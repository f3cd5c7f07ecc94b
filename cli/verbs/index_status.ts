/**
 * The index, in words.
 *
 * @module
 */

import type { IndexStatistics } from "../../cas/index/score_index.ts";
import { counted } from "../../blobstores/counted.ts";
import { formatSize } from "../output/size.ts";

/** How the index is doing, to stand behind "Index of". */
export function describeIndex(index: IndexStatistics): string {
  const { entryCount, passedOverCount, memoryBytes } = index;
  const size = `${counted(entryCount, "block")}, ${
    formatSize(memoryBytes)
  } in memory`;
  if (passedOverCount === 0) return size;
  const percent = (passedOverCount / entryCount * 100).toFixed(1);
  return `${size}: no room for ${percent} % of them, which may be stored again; give the server more with --memory`;
}
