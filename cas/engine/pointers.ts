/**
 * Pointer blocks by score: a bounded cache of verified ones over the block
 * store.
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import { type BlockDamage, SCORE_LENGTH } from "../block_store.ts";
import type { BlockReader } from "./block_reader.ts";
import { equalBytes, scoreAt } from "../bytes.ts";

/** About what an entry costs beyond its block, in bytes. */
const ENTRY_OVERHEAD_BYTES = 256;

/** A pointer block in the cache. */
export interface Entry {
  readonly level: number;
  readonly score: Uint8Array;
  readonly block: Uint8Array;
}

/** A pointer block, to be read only, or why there is none. */
export type LoadedPointer = Uint8Array | BlockDamage;

/** True when a pointer block could be read. */
export function isPointerBlock(loaded: LoadedPointer): loaded is Uint8Array {
  return loaded instanceof Uint8Array;
}

/** Loads pointer blocks, and remembers the ones used last. */
export class Pointers {
  readonly #reader: Pick<BlockReader, "read">;
  readonly #cacheBytesMax: number;
  readonly #entryCountMax: number;
  /** In the order of use; a Map keeps the order of insertion. */
  readonly #entries: Map<number, Entry>;

  /** Caches at most `cacheBytesMax` bytes, in `entries`. */
  constructor(
    reader: Pick<BlockReader, "read">,
    cacheBytesMax: number,
    entries: Map<number, Entry> = new Map(),
  ) {
    this.#reader = reader;
    this.#cacheBytesMax = cacheBytesMax;
    this.#entries = entries;
    this.#entryCountMax = Math.floor(
      cacheBytesMax / (BLOCK_SIZE + ENTRY_OVERHEAD_BYTES),
    );
  }

  /** The same cache over other reads. */
  over(reader: Pick<BlockReader, "read">): Pointers {
    return new Pointers(reader, this.#cacheBytesMax, this.#entries);
  }

  /**
   * Loads the pointer blocks of one level whose scores, none of them null,
   * stand one after the other in `scores`. The caller bounds how many.
   */
  async load(level: number, scores: Uint8Array): Promise<LoadedPointer[]> {
    const count = scores.length / SCORE_LENGTH;
    const loaded: (LoadedPointer | undefined)[] = new Array(count);
    const missing: number[] = [];
    for (let index = 0; index < count; index++) {
      loaded[index] = this.#find(level, scoreAt(scores, index));
      if (loaded[index] === undefined) missing.push(index);
    }
    if (missing.length > 0) {
      const wanted = new Uint8Array(missing.length * SCORE_LENGTH);
      missing.forEach((index, place) =>
        wanted.set(scoreAt(scores, index), place * SCORE_LENGTH)
      );
      await this.#reader.read(level, wanted, (place, block, damage) => {
        const index = missing[place]!;
        loaded[index] = block === undefined
          ? damage ?? { reason: "it cannot be read" }
          : this.remember(level, scoreAt(scores, index), block);
      });
    }
    return loaded as LoadedPointer[];
  }

  /** Caches a verified pointer block; copies both and returns the block's copy. */
  remember(level: number, score: Uint8Array, block: Uint8Array): Uint8Array {
    const copy = block.slice();
    this.#entries.set(cacheKey(score), {
      level,
      score: score.slice(),
      block: copy,
    });
    if (this.#entries.size > this.#entryCountMax) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    return copy;
  }

  #find(level: number, score: Uint8Array): Uint8Array | undefined {
    const key = cacheKey(score);
    const entry = this.#entries.get(key);
    if (entry?.level !== level || !equalBytes(entry.score, score)) {
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.block;
  }
}

/** 48 bits of the score: an entry with the same 48 merely takes the place. */
function cacheKey(score: Uint8Array): number {
  let key = 0;
  for (let index = 0; index < 6; index++) key = key * 256 + score[index]!;
  return key;
}
