/**
 * Slows clients down before there is no room left.
 *
 * @module
 */

/** Fill at which replies begin to be held back. */
const FILL_FREE = 0.5;
/** Longest hold: half of the 100 ms after which an initiator counts time. */
const DELAY_MS_MAX = 50;
/** What a checkpoint that does not end adds to that, for each ms. */
const STALL_SHARE = 0.1;
/**
 * Longest hold of all. A request may wait through two of them, and Linux's
 * initiator gives a disk up after 180 s without an answer.
 */
const STALLED_DELAY_MS_MAX = 30_000;

/**
 * How long to hold back a batch's replies at this fill, 0 (empty) to 1 (full).
 *
 * `stalledMs` is for how long the checkpoint under way has taken longer than
 * it should: 0 where it has not. The longer the store is away, the longer the
 * room that is left has to last.
 */
export function backPressureMs(fill: number, stalledMs: number = 0): number {
  const excess = Math.min(1, (fill - FILL_FREE) / (1 - FILL_FREE));
  const delayMsMax = Math.min(
    STALLED_DELAY_MS_MAX,
    DELAY_MS_MAX + stalledMs * STALL_SHARE,
  );
  // The square: hardly noticeable at first, strong only when it must be.
  return excess <= 0 ? 0 : delayMsMax * excess * excess;
}
