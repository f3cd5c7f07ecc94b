/**
 * At most so many bytes a second.
 *
 * @module
 */

import type { LayerClock } from "./layer.ts";

/** Bytes that flow at a rate, in the order in which they were asked for. */
export class TokenBucket {
  readonly #bytesPerMs: number;
  readonly #clock: LayerClock;
  readonly #burstMs: number;
  /** When all that was taken so far has flowed. */
  #paidAtMs: number;

  /** A bucket that is full for the start: `burstMs` of the rate. */
  constructor(
    bytesPerSecond: number,
    clock: LayerClock,
    burstMs: number = 1000,
  ) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#clock = clock;
    this.#burstMs = burstMs;
    this.#paidAtMs = clock.nowMs() - burstMs;
  }

  /**
   * Takes bytes and waits until they may flow. More than the bucket holds are
   * lent, and what comes after waits longer. Resolves early when the signal
   * aborts, and gives them back.
   */
  async take(byteCount: number, signal: AbortSignal): Promise<void> {
    const startMs = this.#charge(byteCount);
    const waitMs = startMs - this.#clock.nowMs();
    if (waitMs <= 0) return;
    await this.#clock.sleep(waitMs, signal);
    if (signal.aborted) this.#paidAtMs -= byteCount / this.#bytesPerMs;
  }

  /** Notes bytes that have flowed already: what comes after waits for them. */
  spend(byteCount: number): void {
    this.#charge(byteCount);
  }

  /** When these bytes may start to flow. */
  #charge(byteCount: number): number {
    const fullMs = this.#clock.nowMs() - this.#burstMs;
    const startMs = Math.max(fullMs, this.#paidAtMs);
    this.#paidAtMs = startMs + byteCount / this.#bytesPerMs;
    return startMs;
  }
}
