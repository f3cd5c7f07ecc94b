/**
 * Fetches pointer blocks ahead of who reads forwards: without it each run of 128
 * blocks begins with a wait for the pointer block above it, behind all the data
 * that is on its way already.
 *
 * @module
 */

import { equalBytes } from "../bytes.ts";
import { POINTERS_PER_BLOCK, type Tree } from "./geometry.ts";
import type { Pointers } from "./pointers.ts";
import { lookup } from "./tree_lookup.ts";

/** Pointer blocks fetched together: 256 KiB, of 32 MiB of data. */
const STRETCH_POINTERS = 64;
const STRETCH_BLOCKS: number = STRETCH_POINTERS * POINTERS_PER_BLOCK;
/** Blocks in a row that only one who reads forwards asks for at once. */
const FORWARDS_MIN = 32;
/** Stretches remembered: two for each of eight readers. */
const RECENT_MAX = 16;

interface Stretch {
  readonly root: Uint8Array;
  readonly number: number;
}

/** Follows fetches. */
export class PointerAhead {
  readonly #pointers: Pointers;
  readonly #recent: Stretch[] = [];

  /** Fetches into the cache of `pointers`. */
  constructor(pointers: Pointers) {
    this.#pointers = pointers;
  }

  /**
   * Notes that blocks, in any order, are fetched. Where they lie in a row, the
   * pointer blocks of the stretch that they are in, and of the next one, are
   * fetched beside everything else; reads of theirs that fail are made again,
   * and reported, when they are needed.
   */
  note(tree: Tree, blocks: Float64Array): void {
    if (blocks.length < FORWARDS_MIN) return;
    let first = Infinity;
    let last = -Infinity;
    for (const block of blocks) {
      first = Math.min(first, block);
      last = Math.max(last, block);
    }
    // Blocks that are at hand leave gaps.
    if (last - first >= 2 * blocks.length) return;
    const number = Math.floor(last / STRETCH_BLOCKS);
    this.#fetch(tree, number);
    this.#fetch(tree, number + 1);
  }

  #fetch(tree: Tree, number: number): void {
    const first = number * STRETCH_BLOCKS;
    if (first >= tree.blockCount || this.#isRecent(tree, number)) return;
    const count = Math.ceil(
      Math.min(STRETCH_BLOCKS, tree.blockCount - first) / POINTERS_PER_BLOCK,
    );
    const blocks = Float64Array.from(
      { length: count },
      (_, index) => first + index * POINTERS_PER_BLOCK,
    );
    lookup(this.#pointers, tree, blocks).catch(() => {});
  }

  #isRecent({ root }: Tree, number: number): boolean {
    const recent = this.#recent;
    const isKnown = recent.some((it) =>
      it.number === number && equalBytes(it.root, root)
    );
    if (isKnown) return true;
    recent.push({ root: root.slice(), number });
    if (recent.length > RECENT_MAX) recent.shift();
    return false;
  }
}
