/**
 * Requests that came faster than they could be carried out: copies of their
 * frames, in one queue for each host they came from, served in turns.
 *
 * Invariants:
 * - at most `capacity` frames are kept; buffers are made when first needed;
 * - a host gets no more places than it leaves free, so that however much it
 *   sends, there is room for a frame of another;
 * - frames of one host stay in order.
 *
 * @module
 */

import { readUint16, readUint32 } from "./bytes.ts";
import { frameBuffer } from "./frame_buffer.ts";
import { HeaderOffset } from "./header.ts";
import type { FrameHandler } from "./link/link.ts";

/** The frames of one host: a list through `#next`. */
interface Flow {
  /** The host's address as a number. */
  source: number;
  first: number;
  last: number;
  count: number;
}

/** Queues of frames, one for each host. */
export class Backlog {
  readonly #frames: (Uint8Array | undefined)[];
  readonly #lengths: Uint32Array;
  /** The place behind each place, in its flow or among the free ones. */
  readonly #next: Uint32Array;
  readonly #frameLengthMax: number;
  #firstFree = 0;
  #freeCount: number;
  /** Flows with frames, in the order of their turns. */
  readonly #flows: Flow[] = [];
  readonly #idleFlows: Flow[] = [];
  #turn = 0;

  /** Room for `capacity` frames of up to `frameLengthMax` bytes. */
  constructor(capacity: number, frameLengthMax: number) {
    this.#frames = new Array(capacity).fill(undefined);
    this.#lengths = new Uint32Array(capacity);
    this.#next = Uint32Array.from({ length: capacity }, (_, i) => i + 1);
    this.#frameLengthMax = frameLengthMax;
    this.#freeCount = capacity;
  }

  /** Frames kept. */
  get size(): number {
    return this.#frames.length - this.#freeCount;
  }

  /** Copies a frame to the end of its host's queue; false when it is dropped. */
  push(frame: Uint8Array, length: number): boolean {
    if (length > this.#frameLengthMax) return false;
    const at = HeaderOffset.Source;
    const source = readUint16(frame, at) * 2 ** 32 + readUint32(frame, at + 2);
    const known = this.#flows.find((flow) => flow.source === source);
    if ((known?.count ?? 0) >= this.#freeCount) return false;
    const place = this.#firstFree;
    this.#firstFree = this.#next[place]!;
    this.#freeCount--;
    const copy = this.#frames[place] ??= frameBuffer(this.#frameLengthMax);
    copy.set(length === frame.length ? frame : frame.subarray(0, length));
    this.#lengths[place] = length;
    const flow = known ?? this.#startFlow(source, place);
    if (flow.count > 0) this.#next[flow.last] = place;
    flow.last = place;
    flow.count++;
    return true;
  }

  /** Lends `handler` up to `countMax` frames, one of each host in turn. */
  serve(handler: FrameHandler, countMax: number): void {
    for (let i = 0; i < countMax && this.#flows.length > 0; i++) {
      if (this.#turn >= this.#flows.length) this.#turn = 0;
      const flow = this.#flows[this.#turn]!;
      const place = flow.first;
      handler(this.#frames[place]!, this.#lengths[place]!);
      flow.first = this.#next[place]!;
      flow.count--;
      this.#next[place] = this.#firstFree;
      this.#firstFree = place;
      this.#freeCount++;
      if (flow.count > 0) this.#turn++;
      else this.#idleFlows.push(...this.#flows.splice(this.#turn, 1));
    }
  }

  #startFlow(source: number, first: number): Flow {
    const flow = this.#idleFlows.pop() ??
      { source, first, last: first, count: 0 };
    flow.source = source;
    flow.first = first;
    flow.last = first;
    this.#flows.push(flow);
    return flow;
  }
}
