/**
 * Memory for long reads, used again: new memory of a MiB for each read of that
 * length costs a fifth of what verifying its blocks does, and the collector comes
 * for it every 64 MiB.
 *
 * @module
 */

/** What 256 blocks take, and what mostly lies between them. */
export const BUFFER_BYTES: number = 1.25 * 2 ** 20;
/** Below, new memory costs little. */
const LENGTH_MIN = 128 * 1024;
/** Most buffers that are kept: twice as many made reads no cheaper (measured, 2026-11). */
const BUFFERS_MAX = 8;

/** Lends buffers. */
export class ReadBuffers {
  readonly #free: ArrayBuffer[] = [];
  /** Not those of reads that were given up: nobody knows who still writes to them. */
  readonly #lent = new WeakSet<ArrayBuffer>();

  /** Memory of that length, with any bytes in it. */
  readonly take = (length: number): Uint8Array<ArrayBuffer> => {
    if (length < LENGTH_MIN || length > BUFFER_BYTES) {
      return new Uint8Array(length);
    }
    const buffer = this.#free.pop() ?? new ArrayBuffer(BUFFER_BYTES);
    this.#lent.add(buffer);
    return new Uint8Array(buffer, 0, length);
  };

  /** Takes bytes back, of which nothing is needed any more; others than were lent are no matter. */
  give({ buffer }: Uint8Array): void {
    if (!(buffer instanceof ArrayBuffer) || !this.#lent.delete(buffer)) return;
    if (this.#free.length < BUFFERS_MAX) this.#free.push(buffer);
  }
}
