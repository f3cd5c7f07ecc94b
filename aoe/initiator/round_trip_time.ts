/**
 * How long to wait before a request is sent again: the smoothed round trip time
 * and its deviation after Jacobson, as TCP keeps them (RFC 6298 section 2).
 *
 * @module
 */

const GAIN_AVERAGE = 1 / 8;
const GAIN_DEVIATION = 1 / 4;
const DEVIATION_WEIGHT = 4;

/** Bounds of the wait. */
export interface RetransmitLimits {
  /** Shortest wait, and the first one. */
  readonly retransmitMinMs: number;
  /** Longest wait. */
  readonly retransmitMaxMs: number;
}

/** An estimate of the round trip time. */
export class RoundTripTime {
  readonly #limits: RetransmitLimits;
  #averageMs = 0;
  #deviationMs = 0;
  #sampled = false;
  #backedOffMs = 0;

  /** Without a sample the wait is the shortest one. */
  constructor(limits: RetransmitLimits) {
    this.#limits = limits;
  }

  /**
   * Takes the time between a request and its answer. Not for requests that
   * were sent twice: it is unknown which of them was answered (Karn).
   */
  sample(elapsedMs: number): void {
    this.#backedOffMs = 0;
    if (!this.#sampled) {
      this.#sampled = true;
      this.#averageMs = elapsedMs;
      this.#deviationMs = elapsedMs / 2;
      return;
    }
    const difference = elapsedMs - this.#averageMs;
    this.#averageMs += GAIN_AVERAGE * difference;
    this.#deviationMs += GAIN_DEVIATION *
      (Math.abs(difference) - this.#deviationMs);
  }

  /** The wait before the first retransmission of a request. */
  get timeoutMs(): number {
    const estimateMs = this.#averageMs + DEVIATION_WEIGHT * this.#deviationMs;
    return this.#clamp(Math.max(estimateMs, this.#backedOffMs));
  }

  /**
   * The next wait of a request that waited `waitMs` in vain. Later requests
   * wait as long, until there is a sample: otherwise a round trip longer than
   * the estimate would have every request repeated and none sampled.
   */
  backOff(waitMs: number): number {
    this.#backedOffMs = this.#clamp(2 * waitMs);
    return this.#backedOffMs;
  }

  #clamp(waitMs: number): number {
    const { retransmitMinMs, retransmitMaxMs } = this.#limits;
    return Math.min(retransmitMaxMs, Math.max(retransmitMinMs, waitMs));
  }
}
