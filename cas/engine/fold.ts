/**
 * Folds the writes of one volume into its tree: completes partial blocks from
 * below, scores, stores what is new, changes the pointer blocks.
 *
 * A partial write whose base block is damaged is deferred: inventing the other
 * sectors would be wrong data, dropping the written ones a lost write.
 *
 * @module
 */

import { FetchState, type FrozenVolume } from "../archive_port.ts";
import {
  BLOCK_SIZE,
  type BlockPool,
  FULL_MASK,
  SECTORS_PER_BLOCK,
} from "../block_pool.ts";
import { BlockKind, type BlockWriter, SCORE_LENGTH } from "../block_store.ts";
import type { Hasher } from "../score.ts";
import type { BlockReader } from "./block_reader.ts";
import { gatherScores, isZero, scoreAt } from "../bytes.ts";
import type { DamageReport } from "./damage_report.ts";
import { fetchBlocks } from "./fetch.ts";
import type { Tree } from "./geometry.ts";
import type { Pointers } from "./pointers.ts";
import { updateTree } from "./tree_update.ts";

/** Blocks between two turns of other work: about 1 ms of hashing and packing. */
const BATCH_COUNT = 64;
const SECTOR_SIZE = BLOCK_SIZE / SECTORS_PER_BLOCK;

/** What folding works with. */
export interface FoldOptions {
  /** Where the written sectors lie. */
  readonly pool: BlockPool;
  /** Takes new blocks. */
  readonly writer: BlockWriter;
  /** Reads base blocks. */
  readonly reader: BlockReader;
  /** Pointer blocks. */
  readonly pointers: Pointers;
  /** Scores. */
  readonly hasher: Hasher;
  /** Takes the damage met. */
  readonly report: DamageReport;
  /** Lets other work go first. */
  readonly yieldNow: () => Promise<void>;
}

/** What became of the writes. */
export interface FoldResult {
  /** Score of the new top pointer block. */
  readonly treeRoot: Uint8Array;
  /** Blocks whose writes are not in it, ascending. */
  readonly deferred: Float64Array;
  /** Data blocks stored for the first time. */
  readonly blocksNew: number;
  /** Data blocks that were stored before. */
  readonly blocksDuplicate: number;
  /** Blocks of zeros. */
  readonly blocksZero: number;
}

/** Folds the frozen writes of one volume into its tree. */
export async function foldVolume(
  tree: Tree,
  frozen: FrozenVolume,
  options: FoldOptions,
): Promise<FoldResult> {
  const fold = new Fold(tree, frozen, options);
  for (let start = 0; start < frozen.blocks.length; start += BATCH_COUNT) {
    await fold.batch(
      start,
      Math.min(start + BATCH_COUNT, frozen.blocks.length),
    );
    await options.yieldNow();
  }
  return fold.finish();
}

class Fold {
  readonly #tree: Tree;
  readonly #frozen: FrozenVolume;
  readonly #options: FoldOptions;
  readonly #scores: Uint8Array<ArrayBuffer>;
  /** 1 for blocks that wait for a damaged base. */
  readonly #waiting: Uint8Array;
  /** Base blocks of a batch; those that are full stay unused. */
  readonly #bases = new Uint8Array(BATCH_COUNT * BLOCK_SIZE);
  /** What is in each place of them: views. */
  readonly #places = Array.from(
    { length: BATCH_COUNT },
    (_, place) =>
      this.#bases.subarray(place * BLOCK_SIZE, (place + 1) * BLOCK_SIZE),
  );
  #blocksNew = 0;
  #blocksDuplicate = 0;
  #blocksZero = 0;

  constructor(tree: Tree, frozen: FrozenVolume, options: FoldOptions) {
    this.#tree = tree;
    this.#frozen = frozen;
    this.#options = options;
    this.#scores = new Uint8Array(frozen.blocks.length * SCORE_LENGTH);
    this.#waiting = new Uint8Array(frozen.blocks.length);
  }

  async batch(start: number, end: number): Promise<void> {
    await this.#loadBases(start, end);
    const { hasher, writer } = this.#options;
    const indexes: number[] = [];
    for (let index = start; index < end; index++) {
      if (this.#waiting[index] === 1) continue;
      const block = this.#complete(index, index - start);
      if (isZero(block)) {
        this.#blocksZero++;
        continue;
      }
      hasher.score(BlockKind.Data, block, this.#scores, index * SCORE_LENGTH);
      indexes.push(index);
    }
    const news = writer.findNew(this.#scoresOf(indexes));
    for (const [place, index] of indexes.entries()) {
      const score = scoreAt(this.#scores, index);
      const block = this.#places[index - start]!;
      const isNew = news[place] === 1;
      const added = writer.add(BlockKind.Data, score, block, isNew);
      if (added instanceof Promise ? await added : added) this.#blocksNew++;
      else this.#blocksDuplicate++;
    }
  }

  async finish(): Promise<FoldResult> {
    const { pointers, writer, hasher, report, yieldNow } = this.#options;
    const folded: number[] = [];
    const deferred: number[] = [];
    this.#waiting.forEach((waits, index) =>
      (waits === 1 ? deferred : folded).push(index)
    );
    const scores = this.#scoresOf(folded);
    const numbers = (indexes: number[]): Float64Array =>
      Float64Array.from(indexes, (index) => this.#frozen.blocks[index]!);
    const changes = { blocks: numbers(folded), scores };
    const updated = await updateTree(this.#tree, changes, {
      pointers,
      writer,
      hasher,
      yieldNow,
    });
    report.addPointers(updated.damages);
    return {
      treeRoot: updated.root,
      deferred: Float64Array.from([...numbers(deferred), ...updated.deferred])
        .sort(),
      blocksNew: this.#blocksNew,
      blocksDuplicate: this.#blocksDuplicate,
      blocksZero: this.#blocksZero,
    };
  }

  /** Those of blocks in ascending order; a view where none of them is left out in between. */
  #scoresOf(indexes: readonly number[]): Uint8Array<ArrayBuffer> {
    const first = indexes[0] ?? 0;
    const end = first + indexes.length;
    return indexes.at(-1) === end - 1
      ? this.#scores.subarray(first * SCORE_LENGTH, end * SCORE_LENGTH)
      : gatherScores(this.#scores, indexes);
  }

  /** Loads what lies below the partial blocks of a batch. */
  async #loadBases(start: number, end: number): Promise<void> {
    const { blocks, masks } = this.#frozen;
    const partial: number[] = [];
    for (let index = start; index < end; index++) {
      if (masks[index] !== FULL_MASK) partial.push(index);
    }
    if (partial.length === 0) return;
    const wanted = Float64Array.from(partial, (index) => blocks[index]!);
    const slotOf = (place: number): number =>
      (partial[place]! - start) * BLOCK_SIZE;
    const states = await fetchBlocks(
      this.#tree,
      wanted,
      (place, block) => this.#bases.set(block, slotOf(place)),
      this.#options,
    );
    states.forEach((state, place) => {
      if (state === FetchState.Damaged) this.#waiting[partial[place]!] = 1;
      if (state === FetchState.Zero) {
        this.#bases.fill(0, slotOf(place), slotOf(place) + BLOCK_SIZE);
      }
    });
  }

  /** The whole content of a block, out of shared memory: a view of the batch's bases. */
  #complete(index: number, place: number): Uint8Array {
    const { slots, masks } = this.#frozen;
    const block = this.#places[place]!;
    const written = this.#options.pool.slot(slots[index]!);
    const mask = masks[index]!;
    if (mask === FULL_MASK) {
      block.set(written);
      return block;
    }
    for (let sector = 0; sector < SECTORS_PER_BLOCK; sector++) {
      if ((mask & (1 << sector)) === 0) continue;
      const from = sector * SECTOR_SIZE;
      block.set(written.subarray(from, from + SECTOR_SIZE), from);
    }
    return block;
  }
}
