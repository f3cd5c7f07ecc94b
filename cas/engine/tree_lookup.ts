/**
 * From block numbers to scores, for many blocks at once: level by level, so that
 * each level costs one batch of reads.
 *
 * @module
 */

import { type BlockDamage, SCORE_LENGTH } from "../block_store.ts";
import { isZero, scoreAt } from "../bytes.ts";
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

/** Queries `start` to `end` (exclusive), in ascending order, lie below one pointer block. */
interface Run {
  readonly start: number;
  readonly end: number;
  /** Of the pointer block in its level. */
  readonly position: number;
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
  const queries = new Queries(tree, blocks);
  const all = { start: 0, end: blocks.length, position: 0 };
  // Below a null score is nothing to be found.
  let runs: readonly Run[] = isZero(tree.root) ? [] : [all];
  let scores: Uint8Array = tree.root;
  for (let level = tree.depth; level >= 1 && runs.length > 0; level--) {
    const loaded = await pointers.load(level, scores);
    const next = new RunsBelow(runs.length);
    runs.forEach((run, place) => {
      const pointer = loaded[place]!;
      if (!isPointerBlock(pointer)) {
        queries.hide(run, { level, score: scoreAt(scores, place) }, pointer);
      } else if (level === 1) queries.answer(run, pointer);
      else queries.split(run, { level, pointer }, next);
    });
    ({ runs, scores } = next);
  }
  return queries;
}

/** Runs, and the score of the pointer block of each. */
class RunsBelow {
  readonly runs: Run[] = [];
  #scores: Uint8Array<ArrayBuffer>;

  constructor(expectedCount: number) {
    this.#scores = new Uint8Array(expectedCount * SCORE_LENGTH);
  }

  get scores(): Uint8Array {
    return this.#scores.subarray(0, this.runs.length * SCORE_LENGTH);
  }

  add(run: Run, score: Uint8Array): void {
    const at = this.runs.length * SCORE_LENGTH;
    if (at === this.#scores.length) {
      const larger = new Uint8Array(2 * at);
      larger.set(this.#scores);
      this.#scores = larger;
    }
    this.#scores.set(score, at);
    this.runs.push(run);
  }
}

/** The blocks that are looked up, and what is known of them. */
class Queries implements LookupResult {
  readonly scores: Uint8Array<ArrayBuffer>;
  readonly damageOf: Int32Array;
  readonly damages: PointerDamage[] = [];
  readonly #tree: Tree;
  readonly #blocks: Float64Array;
  /** Places of the blocks, in ascending order of the blocks. */
  readonly #order: Uint32Array;

  constructor(tree: Tree, blocks: Float64Array) {
    for (const block of blocks) {
      if (!(block >= 0 && block < tree.blockCount)) {
        throw new RangeError(`Block ${block} lies outside the volume`);
      }
    }
    this.#tree = tree;
    this.#blocks = blocks;
    this.#order = ascendingOrder(blocks);
    this.scores = new Uint8Array(blocks.length * SCORE_LENGTH);
    this.damageOf = new Int32Array(blocks.length).fill(-1);
  }

  /** Notes what hides the blocks of a run. */
  hide(
    { start, end, position }: Run,
    place: { readonly level: number; readonly score: Uint8Array },
    damage: BlockDamage,
  ): void {
    this.damages.push(
      pointerDamage(damage, this.#tree, { ...place, position }),
    );
    for (let at = start; at < end; at++) {
      this.damageOf[this.#order[at]!] = this.damages.length - 1;
    }
  }

  /** Adds to `next` the runs below a pointer block of level 2 or more. */
  split(
    run: Run,
    { level, pointer }: {
      readonly level: number;
      readonly pointer: Uint8Array;
    },
    next: RunsBelow,
  ): void {
    const span = blocksBelow(level - 1);
    for (let start = run.start; start < run.end;) {
      const position = Math.floor(this.#blockAt(start) / span);
      const spanEnd = (position + 1) * span;
      let end = start + 1;
      while (end < run.end && this.#blockAt(end) < spanEnd) end++;
      const score = scoreAt(pointer, position % POINTERS_PER_BLOCK);
      if (!isZero(score)) next.add({ start, end, position }, score);
      start = end;
    }
  }

  /** Takes the scores from a pointer block of level 1; those of blocks in a row at once. */
  answer({ start, end, position }: Run, pointer: Uint8Array): void {
    const order = this.#order;
    const firstBlock = position * POINTERS_PER_BLOCK;
    for (let at = start; at < end;) {
      const index = order[at]!;
      const block = this.#blockAt(at);
      let count = 1;
      while (
        at + count < end && order[at + count] === index + count &&
        this.#blockAt(at + count) === block + count
      ) count++;
      const from = (block - firstBlock) * SCORE_LENGTH;
      this.scores.set(
        pointer.subarray(from, from + count * SCORE_LENGTH),
        index * SCORE_LENGTH,
      );
      at += count;
    }
  }

  #blockAt(at: number): number {
    return this.#blocks[this.#order[at]!]!;
  }
}

function ascendingOrder(blocks: Float64Array): Uint32Array {
  const order = new Uint32Array(blocks.length);
  let isAscending = true;
  for (let index = 0; index < blocks.length; index++) {
    order[index] = index;
    if (blocks[index]! < blocks[index - 1]!) isAscending = false;
  }
  if (isAscending) return order;
  return order.sort((left, right) => blocks[left]! - blocks[right]!);
}
