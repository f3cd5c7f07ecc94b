/**
 * Which ranges of which packs to get for a set of blocks: neighbours come with
 * one operation, also across a small gap.
 *
 * @module
 */

import type { BlockLocation } from "../index/score_index.ts";
import { BUFFER_BYTES } from "./read_buffers.ts";

/** Unwanted bytes worth reading to save an operation. */
const GAP_BYTES_MAX = 32 * 1024;
/** Most bytes of one range: what a `ReadBuffers` has memory for. */
const RANGE_BYTES_MAX = BUFFER_BYTES;

/** A block to read. */
export interface WantedBlock {
  /** Its place in the request. */
  readonly index: number;
  /** Where it lies. */
  readonly location: Readonly<BlockLocation>;
}

/** Bytes to get with one operation. */
export interface PlannedRange {
  /** Number of the pack. */
  readonly pack: number;
  /** First byte. */
  readonly offset: number;
  /** How many bytes. */
  readonly length: number;
  /** The blocks that lie within. */
  readonly blocks: readonly WantedBlock[];
}

/** Plans the ranges for `wanted`, in the order of packs and offsets. */
export function planRanges(wanted: readonly WantedBlock[]): PlannedRange[] {
  const sorted = isSorted(wanted) ? wanted : [...wanted].sort(compare);
  const ranges: PlannedRange[] = [];
  let blocks: WantedBlock[] = [];
  let start = 0;
  let end = 0;
  for (const block of sorted) {
    const { pack, offset, length } = block.location;
    const joins = blocks[0]?.location.pack === pack &&
      offset - end <= GAP_BYTES_MAX &&
      offset + length - start <= RANGE_BYTES_MAX;
    if (!joins) {
      if (blocks.length > 0) ranges.push(rangeOf(blocks, start, end));
      blocks = [];
      start = offset;
      end = offset;
    }
    blocks.push(block);
    end = Math.max(end, offset + length);
  }
  if (blocks.length > 0) ranges.push(rangeOf(blocks, start, end));
  return ranges;
}

function compare(left: WantedBlock, right: WantedBlock): number {
  return left.location.pack - right.location.pack ||
    left.location.offset - right.location.offset;
}

/** True for what was written together and is read in that order. */
function isSorted(wanted: readonly WantedBlock[]): boolean {
  for (let i = 1; i < wanted.length; i++) {
    if (compare(wanted[i - 1]!, wanted[i]!) > 0) return false;
  }
  return true;
}

/** The range of one block alone. */
export function rangeOfOne(block: WantedBlock): PlannedRange {
  const { offset, length } = block.location;
  return rangeOf([block], offset, offset + length);
}

function rangeOf(
  blocks: readonly WantedBlock[],
  offset: number,
  end: number,
): PlannedRange {
  const pack = (blocks[0] as WantedBlock).location.pack;
  return { pack, offset, length: end - offset, blocks };
}
