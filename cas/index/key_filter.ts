/**
 * A blocked Bloom filter over keys: one cache line a question. It says "no"
 * only of keys that were not added, and "yes" of a few others.
 *
 * Blocks are in the order of the keys, so that a filter is filled from one end
 * to the other while sorted entries are written. Where all keys lie in one of
 * `pieces` equal parts of all possible keys, blocks divide that part.
 *
 * @module
 */

/** 32-bit words of a block: 512 bits, a cache line. */
export const FILTER_BLOCK_WORDS = 16;
/** Blocks of a piece of memory: filters lie in pieces of one size, so that what one drops suits another. */
const CHUNK_BLOCKS = 4096;
/** Words of a piece. */
export const FILTER_CHUNK_WORDS: number = CHUNK_BLOCKS * FILTER_BLOCK_WORDS;
const BLOCK_BITS = FILTER_BLOCK_WORDS * 32;
const BIT_MASK = BLOCK_BITS - 1;
const BIT_SHIFT = 9;
/** The word of a key that chooses the block: the first, by which keys are sorted. */
const BLOCK_WORD = 0;
/** The words that choose bits, three each: scores are uniform, so they need no hashing. */
const BIT_WORDS: readonly number[] = [4, 3, 2];
const BITS_PER_WORD = 3;

/** How a filter trades memory for wrong answers. */
export interface FilterShape {
  /** Bits for each key. */
  readonly bitsPerKey: number;
  /** Words of the key that choose bits, 1 to 3. */
  readonly wordCount: number;
}

/** For the many: wrong about one time in seventy (measured, see the test). */
export const LARGE_FILTER: FilterShape = { bitsPerKey: 10, wordCount: 2 };
/** For runs that are a small part of all: wrong about once in a thousand times. */
export const MEDIUM_FILTER: FilterShape = { bitsPerKey: 14, wordCount: 3 };
/** For the smallest, which are asked most often: wrong about once in five thousand times. */
export const SMALL_FILTER: FilterShape = { bitsPerKey: 20, wordCount: 3 };

/** How many blocks a filter of `keyCount` keys has. */
export function filterBlockCount(keyCount: number, shape: FilterShape): number {
  return Math.max(1, Math.ceil(keyCount * shape.bitsPerKey / BLOCK_BITS));
}

/** How the keys of a filter are spread, and how it is asked. */
export interface FilterUse {
  /** `wordCount` of its shape. */
  readonly wordCount: number;
  /** Into how many parts all keys are divided, of which it covers one. */
  readonly pieces: number;
  /** How many blocks it has. */
  readonly blockCount: number;
}

/** How many pieces of memory a filter of so many blocks takes. */
export function filterChunkCount(blockCount: number): number {
  return Math.ceil(blockCount / CHUNK_BLOCKS);
}

/** How many words of piece `chunk` such a filter uses. */
export function filterChunkWords(blockCount: number, chunk: number): number {
  const left = blockCount - chunk * CHUNK_BLOCKS;
  return Math.min(CHUNK_BLOCKS, left) * FILTER_BLOCK_WORDS;
}

/** A filter over the keys of index entries. */
export class KeyFilter {
  /** The bits, `FILTER_BLOCK_WORDS` a block, in pieces of `FILTER_CHUNK_WORDS`. */
  readonly chunks: readonly Uint32Array<ArrayBuffer>[];
  readonly #blockCount: number;
  readonly #wordCount: number;
  readonly #pieces: number;

  /** Takes over the words of a filter, all zero for a new one. */
  constructor(chunks: readonly Uint32Array<ArrayBuffer>[], use: FilterUse) {
    this.chunks = chunks;
    this.#blockCount = use.blockCount;
    this.#wordCount = use.wordCount;
    this.#pieces = use.pieces;
  }

  /** Adds the key at word `at` of `entries`. */
  add(entries: Uint32Array, at: number): void {
    const number = this.#block(entries, at);
    const words = this.chunks[Math.floor(number / CHUNK_BLOCKS)] as Uint32Array;
    const block = number % CHUNK_BLOCKS * FILTER_BLOCK_WORDS;
    for (let i = 0; i < this.#wordCount; i++) {
      let bits = entries[at + (BIT_WORDS[i] as number)] as number;
      for (let n = 0; n < BITS_PER_WORD; n++, bits >>>= BIT_SHIFT) {
        const bit = bits & BIT_MASK;
        const index = block + (bit >>> 5);
        words[index] = (words[index] as number) | 1 << (bit & 31);
      }
    }
  }

  /** False if the key at word `at` of `entries` was never added. */
  has(entries: Uint32Array, at: number): boolean {
    const number = this.#block(entries, at);
    const words = this.chunks[Math.floor(number / CHUNK_BLOCKS)] as Uint32Array;
    const block = number % CHUNK_BLOCKS * FILTER_BLOCK_WORDS;
    for (let i = 0; i < this.#wordCount; i++) {
      let bits = entries[at + (BIT_WORDS[i] as number)] as number;
      for (let n = 0; n < BITS_PER_WORD; n++, bits >>>= BIT_SHIFT) {
        const bit = bits & BIT_MASK;
        const found = words[block + (bit >>> 5)] as number;
        if ((found >>> (bit & 31) & 1) === 0) return false;
      }
    }
    return true;
  }

  #block(entries: Uint32Array, at: number): number {
    // What multiplying carries beyond 32 bits is the number of the piece.
    const key = Math.imul(entries[at + BLOCK_WORD] as number, this.#pieces);
    return Math.floor((key >>> 0) * this.#blockCount / 0x1_0000_0000);
  }
}
