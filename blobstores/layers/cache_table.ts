/**
 * Which extent of which pack lies in which slot of a cache, and which slot goes
 * next: a table in memory, and its image on disk.
 *
 * The image is a header of 32 bytes and 32 bytes a slot, little-endian:
 *
 * ```
 *  0 pack         16   the first half of its name
 * 16 extent        4   its number within the pack
 * 20 length        4   bytes of the extent, 0 for an empty slot
 * 24 checksum      4   CRC-32 of the extent
 * 28 self          4   CRC-32 of the 28 bytes before
 * ```
 *
 * A record that does not check, or tells of more than a slot holds, is an empty
 * slot.
 *
 * @module
 */

import { crc32 } from "node:zlib";

/** Bytes of a record and of the header. */
export const RECORD_LENGTH = 32;
const RECORD_WORDS = RECORD_LENGTH / 4;
const PACK_WORDS = 4;
const EXTENT_WORD = 4;
const LENGTH_WORD = 5;
const CHECKSUM_WORD = 6;
const SELF_WORD = 7;
const SELF_OFFSET = SELF_WORD * 4;
const NONE = -1;

/** Slot states; only `Unused` and `Used` slots are found. */
const Slot = { Free: 0, Busy: 1, Unused: 2, Used: 3 } as const;

/** A pack, as the table knows it: half of its name. */
export type PackId = Uint32Array;

/** The id of the pack of this name, 64 hexadecimal digits. */
export function packIdOf(name: string): PackId {
  return Uint32Array.from(
    { length: PACK_WORDS },
    (_, word) => parseInt(name.slice(word * 8, word * 8 + 8), 16),
  );
}

/** An extent that was found. */
export interface FoundExtent {
  /** Where. */
  readonly slot: number;
  /** Bytes. */
  readonly length: number;
  /** CRC-32 of them. */
  readonly checksum: number;
}

/** The table of a number of slots. */
export class CacheTable {
  /** How many slots there may be. */
  readonly slotCount: number;
  /** Slots that hold an extent. */
  heldCount = 0;
  /** Extents that had to go for others. */
  evictedCount = 0;
  readonly #slotBytes: number;
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #states: Uint8Array;
  readonly #heads: Int32Array;
  readonly #next: Int32Array;
  /** Slots from here on were never taken. */
  #grown = 0;
  #hand = 0;

  /** An empty table of slots of so many bytes. */
  constructor(slotCount: number, slotBytes: number) {
    this.slotCount = slotCount;
    this.#slotBytes = slotBytes;
    this.#words = new Uint32Array(slotCount * RECORD_WORDS);
    this.#bytes = new Uint8Array(this.#words.buffer);
    this.#states = new Uint8Array(slotCount);
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(slotCount + 1)));
    this.#heads.fill(NONE);
    this.#next = new Int32Array(slotCount);
  }

  /** Takes over the records of an image, which begins behind its header. */
  load(image: Uint8Array): void {
    const count = Math.min(
      this.slotCount,
      Math.floor(image.length / RECORD_LENGTH),
    );
    this.#bytes.set(image.subarray(0, count * RECORD_LENGTH));
    this.#grown = count;
    for (let slot = 0; slot < count; slot++) {
      const at = slot * RECORD_WORDS;
      const length = this.#words[at + LENGTH_WORD]!;
      const isHeld = length > 0 && length <= this.#slotBytes &&
        this.#words[at + SELF_WORD] === this.#selfCheck(slot);
      const pack = this.#packAt(slot);
      // A record that came to the disk late may tell of an extent twice.
      const isNew = isHeld && this.#slotOf(pack, this.#extentAt(slot)) < 0;
      if (isNew) this.#link(slot);
      else this.release(slot);
    }
  }

  /** Looks an extent up; undefined when no slot holds it. */
  find(pack: PackId, extent: number): FoundExtent | undefined {
    const slot = this.#slotOf(pack, extent);
    if (slot < 0) return undefined;
    this.#states[slot] = Slot.Used;
    const at = slot * RECORD_WORDS;
    return {
      slot,
      length: this.#words[at + LENGTH_WORD]!,
      checksum: this.#words[at + CHECKSUM_WORD]!,
    };
  }

  /**
   * Takes a slot for a new extent: a new one while `mayGrow`, else one that was
   * not used for long, whose extent goes. Undefined when there is none.
   */
  take(mayGrow: boolean): number | undefined {
    if (mayGrow && this.#grown < this.slotCount) {
      this.#states[this.#grown] = Slot.Busy;
      return this.#grown++;
    }
    // Twice around: the first time may only find slots in use.
    for (let step = 0; step < 2 * this.#grown; step++) {
      const slot = this.#hand;
      this.#hand = slot + 1 >= this.#grown ? 0 : slot + 1;
      const state = this.#states[slot];
      if (state === Slot.Used) this.#states[slot] = Slot.Unused;
      else if (state !== Slot.Busy) {
        if (state === Slot.Unused) {
          this.drop(slot);
          this.evictedCount++;
        }
        this.#states[slot] = Slot.Busy;
        return slot;
      }
    }
    return undefined;
  }

  /** Enters the extent that was written to a taken slot. */
  enter(slot: number, pack: PackId, extent: number, bytes: Uint8Array): void {
    const other = this.#slotOf(pack, extent);
    if (other >= 0) this.drop(other);
    const at = slot * RECORD_WORDS;
    this.#words.set(pack, at);
    this.#words[at + EXTENT_WORD] = extent;
    this.#words[at + LENGTH_WORD] = bytes.length;
    this.#words[at + CHECKSUM_WORD] = crc32(bytes);
    this.#words[at + SELF_WORD] = this.#selfCheck(slot);
    this.#link(slot);
  }

  /** Empties a slot, if it is not being written. */
  drop(slot: number): void {
    if (this.#states[slot] === Slot.Busy) return;
    if (this.#states[slot] !== Slot.Free) this.#unlink(slot);
    this.release(slot);
  }

  /** Gives a taken slot back empty. */
  release(slot: number): void {
    this.#states[slot] = Slot.Free;
    const at = slot * RECORD_WORDS;
    this.#words.fill(0, at, at + RECORD_WORDS);
  }

  /** Records of slots as they are on disk, borrowed. */
  records(first: number, count: number): Uint8Array {
    const at = first * RECORD_LENGTH;
    return this.#bytes.subarray(at, at + count * RECORD_LENGTH);
  }

  #link(slot: number): void {
    const bucket = this.#bucketOf(this.#packAt(slot), this.#extentAt(slot));
    this.#next[slot] = this.#heads[bucket]!;
    this.#heads[bucket] = slot;
    this.#states[slot] = Slot.Unused;
    this.heldCount++;
  }

  #unlink(slot: number): void {
    const bucket = this.#bucketOf(this.#packAt(slot), this.#extentAt(slot));
    let before = NONE;
    let at = this.#heads[bucket]!;
    while (at !== slot && at !== NONE) {
      before = at;
      at = this.#next[at]!;
    }
    if (before === NONE) this.#heads[bucket] = this.#next[slot]!;
    else this.#next[before] = this.#next[slot]!;
    this.heldCount--;
  }

  #slotOf(pack: PackId, extent: number): number {
    let slot = this.#heads[this.#bucketOf(pack, extent)]!;
    while (slot !== NONE && !this.#isOf(slot, pack, extent)) {
      slot = this.#next[slot]!;
    }
    return slot;
  }

  #isOf(slot: number, pack: PackId, extent: number): boolean {
    const at = slot * RECORD_WORDS;
    return this.#words[at + EXTENT_WORD] === extent &&
      pack.every((word, index) => this.#words[at + index] === word);
  }

  #packAt(slot: number): PackId {
    const at = slot * RECORD_WORDS;
    return this.#words.subarray(at, at + PACK_WORDS);
  }

  #extentAt(slot: number): number {
    return this.#words[slot * RECORD_WORDS + EXTENT_WORD]!;
  }

  /** Names are hashes already; the multiplier spreads the extents of one pack. */
  #bucketOf(pack: PackId, extent: number): number {
    const mixed = pack[0]! ^ Math.imul(extent + 1, 0x9e3779b1);
    return (mixed ^ mixed >>> 15) & (this.#heads.length - 1);
  }

  #selfCheck(slot: number): number {
    const at = slot * RECORD_LENGTH;
    return crc32(this.#bytes.subarray(at, at + SELF_OFFSET));
  }
}
