/**
 * What differs between two trees: both are walked in step, and where they have
 * equal scores nothing is read. The cost is in proportion to the difference.
 *
 * Behind its end a tree counts as zeros.
 *
 * @module
 */

import { BLOCK_SIZE, SECTORS_PER_BLOCK } from "../block_pool.ts";
import { SCORE_LENGTH } from "../block_store.ts";
import type { DifferentSectors, DiffPage } from "../volume_states.ts";
import { equalBytes, isZero, scoreAt } from "../bytes.ts";
import type { DamageReport } from "./damage_report.ts";
import { blocksBelow, POINTERS_PER_BLOCK, type Tree } from "./geometry.ts";
import {
  isPointerBlock,
  type LoadedPointer,
  type Pointers,
} from "./pointers.ts";
import { pointerDamage } from "./tree_lookup.ts";

const NULL_SCORE: Uint8Array = new Uint8Array(SCORE_LENGTH);
const NULL_BLOCK: Uint8Array = new Uint8Array(BLOCK_SIZE);

/** What a comparison works with. */
export interface DiffOptions {
  /** Pointer blocks. */
  readonly pointers: Pointers;
  /** Takes the damage met. */
  readonly report: DamageReport;
  /** Lets other work go first. */
  readonly yieldNow: () => Promise<void>;
  /** The first block that counts. */
  readonly fromBlock: number;
  /** Most ranges to give. */
  readonly countMax: number;
}

/** The blocks that differ between two trees, ascending. */
export async function diffTrees(
  left: Tree,
  right: Tree,
  options: DiffOptions,
): Promise<DiffPage> {
  return await new Diff(left, right, options).run();
}

/** A place of both trees, with different scores. */
interface Pair {
  readonly position: number;
  readonly left: Uint8Array;
  readonly right: Uint8Array;
}

class Diff {
  readonly #left: Tree;
  readonly #right: Tree;
  readonly #options: DiffOptions;
  readonly #ranges: DifferentSectors[] = [];
  #nextBlock: number | undefined;

  constructor(left: Tree, right: Tree, options: DiffOptions) {
    this.#left = left;
    this.#right = right;
    this.#options = options;
  }

  async run(): Promise<DiffPage> {
    const behind: { level: number; pairs: readonly Pair[] }[] = [];
    let hiddenCount = 0;
    let { root: left } = this.#left;
    let { root: right } = this.#right;
    const depthMin = Math.min(this.#left.depth, this.#right.depth);
    const depthMax = Math.max(this.#left.depth, this.#right.depth);
    for (let level = depthMax; level > depthMin; level--) {
      // The deeper tree alone, down to where the other one begins.
      const leftIsDeeper = this.#left.depth > depthMin;
      const deeper: Pair = {
        position: 0,
        left: leftIsDeeper ? left : NULL_SCORE,
        right: leftIsDeeper ? NULL_SCORE : right,
      };
      const [children] = await this.#compare(level, [deeper]);
      if (children === undefined) {
        hiddenCount = blocksBelow(level);
        break;
      }
      const first = children.find(({ position }) => position === 0);
      const pairs = children.filter(({ position }) => position > 0);
      behind.push({ level: level - 1, pairs });
      if (leftIsDeeper) left = first?.left ?? NULL_SCORE;
      else right = first?.right ?? NULL_SCORE;
    }
    if (hiddenCount > 0) this.#add(0, hiddenCount, true);
    else if (!equalBytes(left, right)) {
      await this.#walk(depthMin, [{ position: 0, left, right }]);
    }
    for (const { level, pairs } of behind.reverse()) {
      await this.#walk(level, pairs);
    }
    const next = this.#nextBlock;
    return {
      ranges: this.#ranges,
      ...(next === undefined ? {} : { nextBlock: next }),
    };
  }

  /** Goes down from pairs of one level, in order; at most 128 of them. */
  async #walk(level: number, pairs: readonly Pair[]): Promise<void> {
    if (pairs.length === 0 || this.#nextBlock !== undefined) return;
    if (level === 0) {
      for (const { position } of pairs) this.#add(position, 1, false);
      return;
    }
    await this.#options.yieldNow();
    const compared = await this.#compare(level, pairs);
    for (const [place, children] of compared.entries()) {
      if (children !== undefined) {
        await this.#walk(level - 1, children);
        continue;
      }
      const span = blocksBelow(level);
      this.#add(pairs[place]!.position * span, span, true);
    }
  }

  /** Entries that differ below each pair; undefined where damage hides them. */
  async #compare(
    level: number,
    pairs: readonly Pair[],
  ): Promise<(Pair[] | undefined)[]> {
    const lefts = await this.#load(this.#left, level, pairs, "left");
    const rights = await this.#load(this.#right, level, pairs, "right");
    return pairs.map(({ position }, place) => {
      const left = lefts[place]!;
      const right = rights[place]!;
      if (!isPointerBlock(left) || !isPointerBlock(right)) return undefined;
      return this.#differingEntries(level, position, left, right);
    });
  }

  #differingEntries(
    level: number,
    parent: number,
    leftBlock: Uint8Array,
    rightBlock: Uint8Array,
  ): Pair[] {
    const span = blocksBelow(level - 1);
    const pairs: Pair[] = [];
    for (let entry = 0; entry < POINTERS_PER_BLOCK; entry++) {
      const left = scoreAt(leftBlock, entry);
      const right = scoreAt(rightBlock, entry);
      if (equalBytes(left, right)) continue;
      const position = parent * POINTERS_PER_BLOCK + entry;
      if ((position + 1) * span <= this.#options.fromBlock) continue;
      pairs.push({ position, left, right });
    }
    return pairs;
  }

  async #load(
    tree: Tree,
    level: number,
    pairs: readonly Pair[],
    side: "left" | "right",
  ): Promise<LoadedPointer[]> {
    const loaded: LoadedPointer[] = pairs.map(() => NULL_BLOCK);
    const present = [...pairs.entries()].filter(([, pair]) =>
      !isZero(pair[side])
    );
    const wanted = new Uint8Array(present.length * SCORE_LENGTH);
    present.forEach(([, pair], index) =>
      wanted.set(pair[side], index * SCORE_LENGTH)
    );
    const found = await this.#options.pointers.load(level, wanted);
    present.forEach(([place, { position }], index) => {
      const pointer = found[index]!;
      loaded[place] = pointer;
      if (isPointerBlock(pointer)) return;
      const score = scoreAt(wanted, index);
      this.#options.report.addPointers([
        pointerDamage(pointer, tree, { level, position, score }),
      ]);
    });
    return loaded;
  }

  #add(first: number, count: number, damaged: boolean): void {
    const { fromBlock, countMax } = this.#options;
    const blockCount = Math.max(this.#left.blockCount, this.#right.blockCount);
    const start = Math.max(first, fromBlock);
    const lba = start * SECTORS_PER_BLOCK;
    const end = Math.min(first + count, blockCount) * SECTORS_PER_BLOCK;
    if (lba >= end || this.#nextBlock !== undefined) return;
    const last = this.#ranges.at(-1);
    const adjacent = last !== undefined && last.lba + last.sectorCount === lba;
    if (adjacent && (last.damaged === true) === damaged) {
      const grown = { ...last, sectorCount: end - last.lba };
      this.#ranges[this.#ranges.length - 1] = grown;
    } else if (this.#ranges.length === countMax) {
      this.#nextBlock = start;
    } else {
      const sectorCount = end - lba;
      this.#ranges.push(
        damaged ? { lba, sectorCount, damaged } : { lba, sectorCount },
      );
    }
  }
}
