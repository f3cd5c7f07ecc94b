/**
 * A bounded first-in-first-out queue of copied frames. Its buffers are made
 * when first needed and then used again.
 *
 * @module
 */

import { frameBuffer } from "../frame_buffer.ts";
import { FRAME_LENGTH_MIN, type FrameHandler } from "./link.ts";

/** A ring of frames. */
export class FrameQueue {
  readonly #frames: (Uint8Array | undefined)[];
  readonly #lengths: Uint32Array;
  readonly #frameLengthMax: number;
  #head = 0;
  #size = 0;

  /** A queue for `frameCountMax` frames of at most `frameLengthMax` bytes. */
  constructor(frameCountMax: number, frameLengthMax: number) {
    this.#frames = new Array(frameCountMax).fill(undefined);
    this.#lengths = new Uint32Array(frameCountMax);
    this.#frameLengthMax = frameLengthMax;
  }

  /** Frames in the queue. */
  get size(): number {
    return this.#size;
  }

  /**
   * Copies the first `length` bytes of `frame` to the end, padded with zeros
   * to 60; false when the queue is full. A frame longer than the queue's
   * buffers is refused as well.
   */
  push(frame: Uint8Array, length: number): boolean {
    const capacity = this.#frames.length;
    if (this.#size === capacity || length > this.#frameLengthMax) return false;
    const at = (this.#head + this.#size) % capacity;
    const copy = this.#frames[at] ??= frameBuffer(
      Math.max(this.#frameLengthMax, FRAME_LENGTH_MIN),
    );
    copy.set(length === frame.length ? frame : frame.subarray(0, length));
    if (length < FRAME_LENGTH_MIN) copy.fill(0, length, FRAME_LENGTH_MIN);
    this.#lengths[at] = Math.max(length, FRAME_LENGTH_MIN);
    this.#size++;
    return true;
  }

  /** Takes the oldest frame, lending it to `handler`. The queue is not empty. */
  shift(handler: FrameHandler): void {
    const at = this.#head;
    // Freed after the call only: the handler may push to this very queue. It
    // may also clear it, and then there is nothing left to free.
    handler(this.#frames[at]!, this.#lengths[at]!);
    if (this.#size === 0) return;
    this.#head = (at + 1) % this.#frames.length;
    this.#size--;
  }

  /** Forgets every frame. */
  clear(): void {
    this.#size = 0;
  }
}
