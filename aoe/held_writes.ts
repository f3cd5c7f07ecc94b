/**
 * Requests to change sectors that wait for the device: copies of their frames in
 * arrival order, in a bounded set of buffers.
 *
 * @module
 */

import type { FramePool } from "./frame_pool.ts";
import type { Port } from "./port.ts";

/** One held request. */
export interface HeldWrite {
  /** Where it came from. */
  readonly port: Port;
  /** The copied frame; its owner may change what follows the header. */
  readonly frame: Uint8Array;
  /** Bytes of the frame that count. */
  readonly length: number;
}

/** A bounded first-in-first-out queue of write requests. */
export class HeldWrites {
  readonly #pool: FramePool;
  readonly #queue: HeldWrite[] = [];

  /** A queue that is full when `pool` is empty. */
  constructor(pool: FramePool) {
    this.#pool = pool;
  }

  /** Requests in the queue. */
  get size(): number {
    return this.#queue.length;
  }

  /** The oldest request. */
  get oldest(): HeldWrite | undefined {
    return this.#queue[0];
  }

  /**
   * Copies a request to the end of the queue; false when its host has no room
   * left.
   */
  hold(port: Port, frame: Uint8Array, length: number): boolean {
    const copy = this.#pool.take(frame);
    if (copy === undefined) return false;
    copy.set(frame.subarray(0, length));
    this.#queue.push({ port, frame: copy, length });
    return true;
  }

  /** Forgets the oldest request. */
  removeOldest(): void {
    const held = this.#queue.shift();
    if (held !== undefined) this.#pool.give(held.frame);
  }
}
