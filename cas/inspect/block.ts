/**
 * A block of a pack in words.
 *
 * @module
 */

import { BlockKind, SCORE_LENGTH } from "../block_store.ts";
import {
  type Inspection,
  type InspectOptions,
  unreadable,
} from "./inspection.ts";
import { blockOfPack, kindName } from "./pack.ts";
import { inspectRootRecord } from "./root.ts";

const BYTES_PER_LINE = 16;

/** Describes the block of this score in a pack, 64 hexadecimal digits or the first 40; undefined where it has none. */
export function inspectBlock(
  pack: Uint8Array,
  score: string,
  options: InspectOptions,
): Inspection | undefined {
  const found = blockOfPack(pack, score, options);
  if (found === undefined) return undefined;
  if (typeof found === "string") return unreadable("block", found);
  const { score: whole, kind, block } = found;
  if (kind === BlockKind.Root) return inspectRootRecord(block, options.hasher);
  return {
    kind: "block",
    faults: [],
    fields: {
      score: whole,
      "kind of block": kindName(kind),
      bytes: block.length,
    },
    entries: kind === BlockKind.Data ? bytesOf(block) : pointersOf(block),
  };
}

function pointersOf(block: Uint8Array): { entry: number; score: string }[] {
  return Array.from({ length: block.length / SCORE_LENGTH }, (_, entry) => {
    const start = entry * SCORE_LENGTH;
    return {
      entry,
      score: block.subarray(start, start + SCORE_LENGTH).toHex(),
    };
  }).filter(({ score }) => /[^0]/.test(score));
}

function bytesOf(
  block: Uint8Array,
): { offset: number; bytes: string; text: string }[] {
  const lines = [];
  for (let offset = 0; offset < block.length; offset += BYTES_PER_LINE) {
    const line = block.subarray(offset, offset + BYTES_PER_LINE);
    const text = Array.from(
      line,
      (byte) => byte > 32 && byte < 127 ? String.fromCharCode(byte) : ".",
    );
    lines.push({ offset, bytes: line.toHex(), text: text.join("") });
  }
  return lines;
}
