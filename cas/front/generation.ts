/**
 * Which slot holds each written block of one generation of an overlay.
 *
 * A hash table in typed arrays, which open addressing with linear probing
 * searches: a `Map` of hundreds of thousands of numbers costs several times as
 * much for each write. Neighbouring blocks are neighbours in it, 16 to a line
 * of the processor's cache; the groups are spread, so that no pattern of
 * writes makes it slow.
 *
 * @module
 */

/** Room of the first one: small, for there is one for each volume. */
const CAPACITY_MIN = 256;
/** Blocks that stand side by side. */
const GROUP_BITS = 4;
const GROUP_MASK: number = (1 << GROUP_BITS) - 1;
/** Spreads groups: 2^32 divided by the golden ratio (Knuth, volume 3, 6.4). */
const SPREAD = 0x9e3779b1;
/** Another odd number, for the bits of a group's number above 32. */
const SPREAD_HIGH = 0x85ebca6b;
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
    const group = Math.floor(block / (GROUP_MASK + 1));
    const high = Math.floor(group / 2 ** 32);
    const mixed = Math.imul(group ^ Math.imul(high, SPREAD_HIGH), SPREAD);
    // The upper bits are mixed best.
    const spread = mixed ^ (mixed >>> 15);
    let at = ((spread << GROUP_BITS) | (block & GROUP_MASK)) & mask;
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
