/**
 * How long requests took, and which share of them took how long.
 *
 * @module
 */

/** Latencies kept, 8 bytes each: the newest, when there are more. */
const LATENCIES_MAX: number = 1 << 20;

/** Collects latencies. */
export class Latencies {
  readonly #valuesMs: Float64Array<ArrayBuffer> = new Float64Array(
    LATENCIES_MAX,
  );
  #count = 0;

  /** How many there were. */
  get count(): number {
    return this.#count;
  }

  /** Adds one. */
  add(latencyMs: number): void {
    this.#valuesMs[this.#count % LATENCIES_MAX] = latencyMs;
    this.#count++;
  }

  /**
   * For each share, from 0 to 1, what so many of the latencies stay below;
   * 0 when there are none.
   */
  percentilesMs(shares: readonly number[]): number[] {
    const kept = Math.min(this.#count, LATENCIES_MAX);
    const sortedMs = this.#valuesMs.subarray(0, kept).toSorted();
    return shares.map((share) =>
      sortedMs[Math.min(Math.floor(kept * share), kept - 1)] ?? 0
    );
  }
}
