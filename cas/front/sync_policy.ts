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

/** Expected length of a sync below which the thread is blocked. */
const BLOCKING_MS_MAX = 1;
/** Largest batch for which the thread is blocked: 64 writes of 8 KiB, and their headers. */
const BLOCKING_BYTES_MAX = 640 * 1024;
/** The shortest of so many newest syncs is what is expected of the next. */
const RECENT_COUNT = 8;
/** No blocking sync should take this long. */
const TOO_LONG_MS = 5;
/** After one did, so many batches go to the thread pool: at first, and at most. */
const PAUSE_FIRST = 16;
const PAUSE_MAX = 256;

/** Learns how long syncs take. */
export class SyncPolicy {
  /**
   * The newest durations. Their minimum and not their average counts, because
   * on the thread pool they include waiting for two threads on a busy machine,
   * up to ten times the sync itself.
   */
  readonly #recentMs: Float64Array = new Float64Array(RECENT_COUNT).fill(
    Infinity,
  );
  #count = 0;
  #pauseLeft: number = RECENT_COUNT;
  #pause: number = PAUSE_FIRST;
  #goodRun = 0;

  /** True if a batch of this size should be synced by blocking. */
  shouldBlock(byteCount: number): boolean {
    if (byteCount > BLOCKING_BYTES_MAX || this.#pauseLeft > 0) return false;
    return Math.min(...this.#recentMs) < BLOCKING_MS_MAX;
  }

  /** Tells how long a sync took, and whether the thread was blocked by it. */
  took(durationMs: number, blocked: boolean): void {
    this.#recentMs[this.#count++ % RECENT_COUNT] = durationMs;
    if (!blocked) {
      this.#pauseLeft = Math.max(0, this.#pauseLeft - 1);
    } else if (durationMs >= TOO_LONG_MS) {
      // A disk that stalls now and then is left alone for longer each time.
      this.#pauseLeft = this.#pause;
      this.#pause = Math.min(PAUSE_MAX, 2 * this.#pause);
      this.#goodRun = 0;
    } else if (++this.#goodRun >= this.#pause) {
      this.#pause = Math.max(PAUSE_FIRST, this.#pause / 2);
      this.#goodRun = 0;
    }
  }
}
