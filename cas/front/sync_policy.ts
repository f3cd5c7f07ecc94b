/**
 * Decides how a batch is synced: by blocking the thread or on the thread pool.
 *
 * Blocking wins while a sync is short, for then the whole window of a client is
 * in one batch (measured 2026-11, closed loop of 8 KiB writes: 45 000 to 46 000
 * a second against 28 000 to 30 000 at 16 outstanding, 64 000 to 74 000 against
 * 61 000 to 65 000 at 64). Where syncs are long it would hold up everything
 * else, so it is used only while they are known to be short.
 *
 * @module
 */

/** Longest expected sync for which the thread is blocked. */
const BLOCKING_MS_MAX = 1;
/** Largest batch for which the thread is blocked. */
const BLOCKING_BYTES_MAX = 512 * 1024;
/** Share of the newest measurement in the average. */
const NEWEST_SHARE = 0.125;
/** A blocking sync this long makes the next ones go to the thread pool at once. */
const TOO_LONG_MS = 5;

/** Learns how long syncs take. */
export class SyncPolicy {
  #averageMs: number = 2 * BLOCKING_MS_MAX;

  /** True if a batch of this size should be synced by blocking. */
  shouldBlock(byteCount: number): boolean {
    return this.#averageMs < BLOCKING_MS_MAX && byteCount <= BLOCKING_BYTES_MAX;
  }

  /** Tells how long a sync took. */
  took(durationMs: number): void {
    this.#averageMs = durationMs >= TOO_LONG_MS
      ? Math.max(this.#averageMs, durationMs)
      : this.#averageMs + NEWEST_SHARE * (durationMs - this.#averageMs);
  }
}
