/**
 * A blocked Bloom filter over keys: ten bits a key, one cache line a question.
 * It says "no" only of keys that were not added, and "yes" of about one in
 * seventy of those (measured, see the test).
 *
 * @module
 */

/** Bits for each key. */
const BITS_PER_KEY = 10;
/** 32-bit words of a block: 512 bits, a cache line. */
export const FILTER_BLOCK_WORDS = 16;
const BLOCK_BITS = FILTER_BLOCK_WORDS * 32;
const BIT_MASK = BLOCK_BITS - 1;
const BIT_SHIFT = 9;
/** The words of a key that choose block and bits: scores are uniform, so they need no hashing. */
const BLOCK_WORD = 2;
const BIT_WORDS: readonly number[] = [3, 4];
const BITS_PER_WORD = 3;

/** How many blocks a filter of `keyCount` keys has. */
export function filterBlockCount(keyCount: number): number {
  return Math.max(1, Math.ceil(keyCount * BITS_PER_KEY / BLOCK_BITS));
}

/** A filter over the keys of index entries. */
export class KeyFilter {
  /** The bits, `FILTER_BLOCK_WORDS` a block. */
  readonly words: Uint32Array;
  readonly #blockCount: number;

  /** Takes over the words of a filter: all zero for a new one. */
  constructor(words: Uint32Array) {
    this.words = words;
    this.#blockCount = words.length / FILTER_BLOCK_WORDS;
  }

  /** Adds the key at word `at` of `entries`. */
  add(entries: Uint32Array, at: number): void {
    const block = this.#block(entries, at);
    for (const word of BIT_WORDS) {
      let bits = entries[at + word] as number;
      for (let i = 0; i < BITS_PER_WORD; i++, bits >>>= BIT_SHIFT) {
        const bit = bits & BIT_MASK;
        const index = block + (bit >>> 5);
        this.words[index] = (this.words[index] as number) | 1 << (bit & 31);
      }
    }
  }

  /** False if the key at word `at` of `entries` was never added. */
  has(entries: Uint32Array, at: number): boolean {
    const block = this.#block(entries, at);
    for (const word of BIT_WORDS) {
      let bits = entries[at + word] as number;
      for (let i = 0; i < BITS_PER_WORD; i++, bits >>>= BIT_SHIFT) {
        const bit = bits & BIT_MASK;
        const found = this.words[block + (bit >>> 5)] as number;
        if ((found >>> (bit & 31) & 1) === 0) return false;
      }
    }
    return true;
  }

  #block(entries: Uint32Array, at: number): number {
    const share = (entries[at + BLOCK_WORD] as number) / 0x1_0000_0000;
    return Math.floor(share * this.#blockCount) * FILTER_BLOCK_WORDS;
  }
}
