/**
 * A copy of the index in words (docs/format.md, "Index copies"): which packs it
 * covers. Whether they hold what it says only the packs tell.
 *
 * @module
 */

import { decodeCopy } from "../packs/index_copy_format.ts";
import type { Hasher } from "../score.ts";
import { type Inspection, unreadable } from "./inspection.ts";

const KIND = "index copy";

/** Describes a copy; all of it is verified. */
export function inspectIndexCopy(
  bytes: Uint8Array,
  hasher: Hasher,
): Inspection {
  const name = hasher.hash(bytes).toHex();
  const packs = decodeCopy(name, bytes, hasher.hash);
  if (typeof packs === "string") return unreadable(KIND, packs);
  return {
    kind: KIND,
    faults: [],
    fields: {
      name,
      bytes: bytes.length,
      packs: packs.length,
      blocks: packs.reduce((sum, { count }) => sum + count, 0),
    },
    entries: packs.map(({ name, size, count }) => ({
      pack: name,
      bytes: size,
      blocks: count,
    })),
  };
}
