/**
 * Which slot holds each written block of one generation of an overlay.
 *
 * A hash table in typed arrays, with open addressing and linear probing: a
 * `Map` of hundreds of thousands of numbers takes twice the time.
 *
 * @module
 */

import { blockHash } from "./block_hash.ts";

/** Room of the first one: small, for there is one for each volume. */
const CAPACITY_MIN = 256;
/** The slot of a block that was taken. */
const TAKEN = -1;

/** Blocks and their slots, in the order in which they came. */
export class Generation {
  /** How many blocks there are. */
  size = 0;
  #blocks: Float64Array;
  #slots: Int32Array;
  /** A place in both arrays, and one more: 0 for none. */
  #table: Uint32Array;
  /** Places in use, those of taken blocks too. */
  #placeCount = 0;

  /** An empty one, with room for about so many blocks. */
  constructor(expectedCount: number = 0) {
    let capacity = CAPACITY_MIN;
    while (capacity < expectedCount) capacity *= 2;
    this.#blocks = new Float64Array(capacity);
    this.#slots = new Int32Array(capacity);
    this.#table = new Uint32Array(2 * capacity);
  }

  /** The slot of a block, or -1. */
  slotOf(block: number): number {
    const place = this.#table[this.#find(block)]!;
    return place === 0 ? -1 : this.#slots[place - 1]!;
  }

  /** Adds a block that is not there, and was not before. */
  add(block: number, slot: number): void {
    if (this.#placeCount === this.#blocks.length) this.#grow();
    const place = this.#placeCount++;
    this.#blocks[place] = block;
    this.#slots[place] = slot;
    this.#table[this.#find(block)] = place + 1;
    this.size++;
  }

  /** Takes a block out; its slot, or -1. */
  take(block: number): number {
    const place = this.#table[this.#find(block)]!;
    if (place === 0) return -1;
    const slot = this.#slots[place - 1]!;
    if (slot === TAKEN) return -1;
    this.#slots[place - 1] = TAKEN;
    this.size--;
    return slot;
  }

  /** All blocks, in the order in which they came. */
  blocks(): Float64Array {
    const blocks = this.#blocks.subarray(0, this.#placeCount);
    return this.size === this.#placeCount
      ? blocks.slice()
      : blocks.filter((_, place) => this.#slots[place] !== TAKEN);
  }

  /** Where in the table a block stands, or would. */
  #find(block: number): number {
    const mask = this.#table.length - 1;
    let at = blockHash(block, 0) & mask;
    for (;;) {
      const place = this.#table[at]!;
      if (place === 0 || this.#blocks[place - 1] === block) return at;
      at = (at + 1) & mask;
    }
  }

  #grow(): void {
    const [blocks, slots] = [this.#blocks, this.#slots];
    this.#blocks = new Float64Array(2 * blocks.length);
    this.#blocks.set(blocks);
    this.#slots = new Int32Array(2 * slots.length);
    this.#slots.set(slots);
    this.#table = new Uint32Array(2 * this.#table.length);
    for (let place = 0; place < this.#placeCount; place++) {
      this.#table[this.#find(blocks[place]!)] = place + 1;
    }
  }
}
