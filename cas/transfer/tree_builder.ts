/**
 * The tree of a whole volume from its blocks in ascending order, in the memory
 * of one pointer block a level. What is not appended is zeros; the result is
 * the one that `updateTree` gives for the same content.
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import { SCORE_LENGTH } from "../block_store.ts";
import { depthFor, POINTERS_PER_BLOCK } from "../engine/geometry.ts";
import type { Hasher } from "../score.ts";

/** Takes a pointer block that is complete; score and block are borrowed. */
export type PointerReceiver = (
  level: number,
  score: Uint8Array,
  block: Uint8Array,
) => void;

/** The pointer block of a level that is being filled. */
interface OpenPointer {
  readonly block: Uint8Array;
  /** Its place in the level; -1 while there is none. */
  position: number;
}

/** Builds one tree. */
export class TreeBuilder {
  readonly #hasher: Hasher;
  readonly #receive: PointerReceiver;
  /** By level, from 1. */
  readonly #open: OpenPointer[];
  readonly #score = new Uint8Array(SCORE_LENGTH);
  #root: Uint8Array<ArrayBuffer> = new Uint8Array(SCORE_LENGTH);

  /** A tree of so many blocks, all zeros. */
  constructor(blockCount: number, hasher: Hasher, receive: PointerReceiver) {
    this.#hasher = hasher;
    this.#receive = receive;
    this.#open = Array.from({ length: depthFor(blockCount) }, () => ({
      block: new Uint8Array(BLOCK_SIZE),
      position: -1,
    }));
  }

  /** Appends a data block that is not zeros, behind all before; the score is copied. */
  append(block: number, score: Uint8Array): void {
    this.#append(1, block, score);
  }

  /** The root: 32 zero bytes where all is zeros. Nothing may be appended afterwards. */
  finish(): Uint8Array<ArrayBuffer> {
    for (let level = 1; level <= this.#open.length; level++) this.#close(level);
    return this.#root;
  }

  #append(level: number, position: number, score: Uint8Array): void {
    const pointer = this.#open[level - 1]!;
    const parent = Math.floor(position / POINTERS_PER_BLOCK);
    if (pointer.position !== parent) this.#close(level);
    pointer.position = parent;
    pointer.block.set(score, position % POINTERS_PER_BLOCK * SCORE_LENGTH);
  }

  #close(level: number): void {
    const pointer = this.#open[level - 1]!;
    const { block, position } = pointer;
    if (position < 0) return;
    this.#hasher.score(level, block, this.#score);
    this.#receive(level, this.#score, block);
    block.fill(0);
    pointer.position = -1;
    if (level === this.#open.length) this.#root = this.#score.slice();
    else this.#append(level + 1, position, this.#score.slice());
  }
}
