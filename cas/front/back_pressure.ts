/**
 * Slows clients down before there is no room left.
 *
 * @module
 */

/** Fill at which replies begin to be held back. */
const FILL_FREE = 0.5;
/** Longest hold: half of the 100 ms after which an initiator counts time. */
const DELAY_MS_MAX = 50;

/** How long to hold back a batch's replies at this fill, 0 (empty) to 1 (full). */
export function backPressureMs(fill: number): number {
  const excess = Math.min(1, (fill - FILL_FREE) / (1 - FILL_FREE));
  // The square: hardly noticeable at first, strong only when it must be.
  return excess <= 0 ? 0 : DELAY_MS_MAX * excess * excess;
}
