/**
 * What fetches may take: slots, for all views together, and blocks in one
 * message, which depends on how far away the store is.
 *
 * @module
 */

import type { BlockCache } from "./block_cache.ts";
import type { Clock } from "./clock.ts";

/**
 * Blocks of one fetch that are no neighbours: so many that the messages between
 * the threads cost little, and so few that an answer does not wait for long.
 */
export const FETCH_SCATTERED_MAX = 16;
/**
 * A small fetch that takes longer went to a store that is far away, or to a disk
 * that seeks. There blocks that are no neighbours are fetched one by one, for a
 * while: an answer would wait for the last of them, and a message is nothing
 * beside the wait.
 */
export const FAR_MS = 10;
/** Such fetches in a row after which the store is taken for far: one alone, or the first ones, may have met a busy processor. */
const FAR_AFTER = 8;
/** Quick fetches after which the store is taken for near again. */
const NEAR_AFTER = 64;
/** Blocks ahead of a reader, at most: 16 MiB; and what is always allowed. */
const AHEAD_MAX = 4096;
const AHEAD_LEAST = 128;
/** One reader may have one in so many of the slots for fetches ahead of it: 3 MiB of the least memory, which 20 ms at 100 MB/s take. */
const AHEAD_SHARE = 2;

/** Limits fetches, of all views together. */
export class FetchBudget {
  /** Where slots come from. */
  readonly cache: BlockCache;
  /** To see how far away the store is. */
  readonly clock: Pick<Clock, "nowMs" | "sleep">;
  readonly #slotsMax: number;
  readonly #hungry: Set<() => void> = new Set();
  #slotsUsed = 0;
  /** Slow fetches in a row. */
  #slowCount = 0;
  /** Quick fetches that are still to be seen; 0 while the store is near. */
  #quickAwaited = 0;

  /** Blocks that may be fetched ahead of one reader. */
  readonly aheadMax: number;

  /** At most `slotsMax` slots: those that overlays can never claim. */
  constructor(
    cache: BlockCache,
    slotsMax: number,
    clock: Pick<Clock, "nowMs" | "sleep">,
  ) {
    this.cache = cache;
    this.clock = clock;
    this.#slotsMax = slotsMax;
    const share = Math.floor(slotsMax / AHEAD_SHARE);
    this.aheadMax = Math.min(AHEAD_MAX, Math.max(AHEAD_LEAST, share));
  }

  /** A slot for a fetch, or -1. */
  take(): number {
    if (this.#slotsUsed >= this.#slotsMax) return -1;
    const slot = this.cache.take();
    if (slot >= 0) this.#slotsUsed++;
    return slot;
  }

  /** A fetch no longer needs a slot; it is cached or given back. */
  done(): void {
    this.#slotsUsed--;
  }

  /** Blocks that are no neighbours that one fetch may ask for. */
  get scatteredMax(): number {
    return this.#quickAwaited > 0 ? 1 : FETCH_SCATTERED_MAX;
  }

  /** Notes how long the archive took to answer a small fetch. */
  answered(durationMs: number): void {
    if (durationMs <= FAR_MS) {
      this.#slowCount = 0;
      if (this.#quickAwaited > 0) this.#quickAwaited--;
    } else if (this.#quickAwaited > 0 || ++this.#slowCount >= FAR_AFTER) {
      this.#quickAwaited = NEAR_AFTER;
    }
  }

  /** Calls back, once, after slots became free. */
  whenFree(retry: () => void): void {
    this.#hungry.add(retry);
  }

  /** Lets those who wait for slots try again. */
  wake(): void {
    const waiting = [...this.#hungry];
    this.#hungry.clear();
    for (const retry of waiting) retry();
  }
}
