/**
 * From block numbers to scores, for many blocks at once: level by level, so that
 * each level costs one batch of reads.
 *
 * @module
 */

import { type BlockDamage, SCORE_LENGTH } from "../block_store.ts";
import { isNullAt, scoreAt } from "../bytes.ts";
import { blocksBelow, POINTERS_PER_BLOCK, type Tree } from "./geometry.ts";
import { isPointerBlock, type Pointers } from "./pointers.ts";

/** A pointer block that cannot be read, and what lies below it. */
export interface PointerDamage extends BlockDamage {
  /** Its level. */
  readonly level: number;
  /** Its score, 64 hexadecimal digits. */
  readonly score: string;
  /** The first data block below it. */
  readonly firstBlock: number;
  /** Data blocks below it. */
  readonly blockCount: number;
}

/** Answer of `lookup`, in the order of the request. */
export interface LookupResult {
  /** The score of each block, one after the other; null for zeros and where damaged. */
  readonly scores: Uint8Array<ArrayBuffer>;
  /** Place in `damages` of what hides the block, or -1. */
  readonly damageOf: Int32Array;
  /** Damaged pointer blocks met. */
  readonly damages: readonly PointerDamage[];
}

/** Describes the damage of a pointer block by its place in the tree. */
export function pointerDamage(
  damage: BlockDamage,
  tree: Tree,
  place: { level: number; position: number; score: Uint8Array },
): PointerDamage {
  const span = blocksBelow(place.level);
  const firstBlock = place.position * span;
  return {
    ...damage,
    level: place.level,
    score: place.score.toHex(),
    firstBlock,
    blockCount: Math.min(span, tree.blockCount - firstBlock),
  };
}

/**
 * Finds the scores of blocks, in any order. Holds one pointer block for each
 * distinct one on the way: the caller bounds the batch.
 */
export async function lookup(
  pointers: Pointers,
  tree: Tree,
  blocks: Float64Array,
): Promise<LookupResult> {
  const order = ascendingOrder(blocks);
  const scores = new Uint8Array(blocks.length * SCORE_LENGTH);
  const damageOf = new Int32Array(blocks.length).fill(-1);
  const damages: PointerDamage[] = [];
  for (let index = 0; index < blocks.length; index++) {
    const block = blocks[index]!;
    if (!(block >= 0 && block < tree.blockCount)) {
      throw new RangeError(`Block ${block} lies outside the volume`);
    }
    scores.set(tree.root, index * SCORE_LENGTH);
  }
  for (let level = tree.depth; level >= 1; level--) {
    const runs = runsBelowPointers(level, { order, blocks, scores, damageOf });
    const wanted = new Uint8Array(runs.length * SCORE_LENGTH);
    runs.forEach((run, place) =>
      wanted.set(scoreAt(scores, order[run.start]!), place * SCORE_LENGTH)
    );
    const loaded = await pointers.load(level, wanted);
    const childSpan = blocksBelow(level - 1);
    runs.forEach((run, place) => {
      const pointer = loaded[place]!;
      if (!isPointerBlock(pointer)) {
        const { position } = run;
        const score = scoreAt(wanted, place);
        damages.push(pointerDamage(pointer, tree, { level, position, score }));
      }
      for (let at = run.start; at < run.end; at++) {
        const index = order[at]!;
        if (isPointerBlock(pointer)) {
          const entry = Math.floor(blocks[index]! / childSpan) %
            POINTERS_PER_BLOCK;
          scores.set(scoreAt(pointer, entry), index * SCORE_LENGTH);
        } else {
          scores.fill(0, index * SCORE_LENGTH, (index + 1) * SCORE_LENGTH);
          damageOf[index] = damages.length - 1;
        }
      }
    });
  }
  return { scores, damageOf, damages };
}

/** Places `start` to `end` (exclusive) of the order share one pointer block. */
interface Run {
  readonly start: number;
  readonly end: number;
  readonly position: number;
}

interface Queries {
  readonly order: Uint32Array;
  readonly blocks: Float64Array;
  readonly scores: Uint8Array;
  readonly damageOf: Int32Array;
}

/** The runs whose pointer block exists: null and damaged ones have no more to find. */
function runsBelowPointers(level: number, queries: Queries): Run[] {
  const { order, blocks, scores, damageOf } = queries;
  const span = blocksBelow(level);
  const runs: Run[] = [];
  let start = 0;
  while (start < order.length) {
    const index = order[start]!;
    const position = Math.floor(blocks[index]! / span);
    let end = start + 1;
    while (
      end < order.length &&
      Math.floor(blocks[order[end]!]! / span) === position
    ) end++;
    if (damageOf[index]! < 0 && !isNullAt(scores, index)) {
      runs.push({ start, end, position });
    }
    start = end;
  }
  return runs;
}

function ascendingOrder(blocks: Float64Array): Uint32Array {
  const order = Uint32Array.from(blocks.keys());
  return order.sort((left, right) => blocks[left]! - blocks[right]!);
}
