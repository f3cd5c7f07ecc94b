/**
 * A bounded set of frame buffers of one size, made when first needed and kept,
 * lent to the hosts whose requests they serve.
 *
 * Invariants: at most `countMax` buffers exist; a buffer is either in the pool
 * or with exactly one borrower; a host has no more buffers than it leaves
 * free, so that a flood from it leaves some to others.
 *
 * @module
 */

import { readUint16, readUint32 } from "./bytes.ts";
import { frameBuffer } from "./frame_buffer.ts";
import { HeaderOffset } from "./header.ts";

/** A pool of frame buffers. */
export class FramePool {
  readonly #frameLength: number;
  readonly #countMax: number;
  readonly #hostOffset: number;
  readonly #free: Uint8Array[] = [];
  /** Buffers lent for each host, by its address as a number. */
  readonly #lentTo: Map<number, number> = new Map();
  #count = 0;

  /**
   * Buffers of `frameLength` bytes, at most `countMax` of them. When one is
   * given back, the address of its host stands at `hostOffset` in it.
   */
  constructor(frameLength: number, countMax: number, hostOffset: number) {
    this.#frameLength = frameLength;
    this.#countMax = countMax;
    this.#hostOffset = hostOffset;
  }

  /** Buffers that are with a borrower. */
  get borrowedCount(): number {
    return this.#count - this.#free.length;
  }

  /**
   * Lends a buffer of unspecified content for the host that sent `request`, or
   * nothing when it has its share.
   */
  take(request: Uint8Array): Uint8Array | undefined {
    const host = hostAt(request, HeaderOffset.Source);
    const lent = this.#lentTo.get(host) ?? 0;
    if (lent >= this.#countMax - this.borrowedCount) return undefined;
    this.#lentTo.set(host, lent + 1);
    const frame = this.#free.pop();
    if (frame !== undefined) return frame;
    this.#count++;
    return frameBuffer(this.#frameLength);
  }

  /** Takes a buffer back; the borrower must not touch it any more. */
  give(frame: Uint8Array): void {
    const host = hostAt(frame, this.#hostOffset);
    const lent = this.#lentTo.get(host) ?? 0;
    if (lent > 1) this.#lentTo.set(host, lent - 1);
    else this.#lentTo.delete(host);
    this.#free.push(frame);
  }
}

function hostAt(frame: Uint8Array, offset: number): number {
  return readUint16(frame, offset) * 2 ** 32 + readUint32(frame, offset + 2);
}
