/**
 * The shape of a volume's tree (docs/format.md, "Tree").
 *
 * A pointer block of level 1 holds the scores of 128 data blocks, one of level
 * `n` those of 128 pointer blocks of level `n - 1`. A tree has at least one
 * level, and as many as its block count needs. The block at `position` of a
 * level covers the data blocks from `position * 128^level` on.
 *
 * Block numbers reach 2^45 and more, so everything is arithmetic on numbers,
 * never on 32-bit integers.
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import { SCORE_LENGTH } from "../block_store.ts";

/** Scores in a pointer block. */
export const POINTERS_PER_BLOCK = 128;

/** The most blocks a volume has: 2^45, as the largest ATA disk (2^48 sectors). */
export const BLOCK_COUNT_MAX: number = 2 ** 45;

if (POINTERS_PER_BLOCK * SCORE_LENGTH !== BLOCK_SIZE) {
  throw new RangeError("A pointer block must fill a block exactly");
}

/** Data blocks below one pointer block of this level. */
export function blocksBelow(level: number): number {
  return POINTERS_PER_BLOCK ** level;
}

/** Levels of pointer blocks that a volume of this size needs. */
export function depthFor(blockCount: number): number {
  if (
    !Number.isSafeInteger(blockCount) || blockCount < 1 ||
    blockCount > BLOCK_COUNT_MAX
  ) {
    throw new RangeError(
      `A volume has 1 to ${BLOCK_COUNT_MAX} blocks, not ${blockCount}`,
    );
  }
  let depth = 1;
  while (blocksBelow(depth) < blockCount) depth++;
  return depth;
}

/** One state of a volume's content. */
export interface Tree {
  /** Score of the top pointer block; 32 zero bytes when all is zeros. */
  readonly root: Uint8Array;
  /** Levels of pointer blocks. */
  readonly depth: number;
  /** Data blocks. */
  readonly blockCount: number;
}
