/**
 * A bounded set of frame buffers of one size, made when first needed and kept.
 *
 * Invariant: at most `countMax` buffers exist; a buffer is either in the pool
 * or with exactly one borrower.
 *
 * @module
 */

/** A pool of frame buffers. */
export class FramePool {
  readonly #frameLength: number;
  readonly #countMax: number;
  readonly #free: Uint8Array[] = [];
  #count = 0;

  /** Buffers of `frameLength` bytes, at most `countMax` of them. */
  constructor(frameLength: number, countMax: number) {
    this.#frameLength = frameLength;
    this.#countMax = countMax;
  }

  /** Buffers that are with a borrower. */
  get borrowedCount(): number {
    return this.#count - this.#free.length;
  }

  /** Lends a buffer of unspecified content, or nothing when all are lent. */
  take(): Uint8Array | undefined {
    const frame = this.#free.pop();
    if (frame !== undefined || this.#count === this.#countMax) return frame;
    this.#count++;
    return new Uint8Array(this.#frameLength);
  }

  /** Takes a buffer back; the borrower must not touch it any more. */
  give(frame: Uint8Array): void {
    this.#free.push(frame);
  }
}
