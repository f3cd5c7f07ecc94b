/**
 * The replies to writes and flushes whose tickets have not settled: a ring of
 * finished response frames, oldest first.
 *
 * Invariants: tickets in the ring never descend; an entry leaves exactly once,
 * when its ticket settles; buffers are allocated once, at construction.
 *
 * @module
 */

import { AtaErrorBit, AtaOffset, AtaStatus } from "./ata.ts";
import { FRAME_LENGTH_MIN } from "./link/link.ts";
import type { Port } from "./port.ts";

/** A ring of replies. */
export class PendingReplies {
  /** Replies the ring can hold. */
  readonly capacity: number;
  readonly #frames: Uint8Array[] = [];
  readonly #ports: (Port | undefined)[] = [];
  readonly #tickets: Float64Array;
  /** The first ticket that each reply stands for; `#tickets` has the last. */
  readonly #firstTickets: Float64Array;
  #head = 0;
  #size = 0;

  /** A ring for `capacity` replies. */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.#tickets = new Float64Array(capacity);
    this.#firstTickets = new Float64Array(capacity);
    for (let i = 0; i < capacity; i++) {
      this.#frames.push(new Uint8Array(FRAME_LENGTH_MIN));
      this.#ports.push(undefined);
    }
  }

  /** Replies in the ring. */
  get size(): number {
    return this.#size;
  }

  /** True when nothing more can be pushed. */
  get full(): boolean {
    return this.#size === this.capacity;
  }

  /**
   * The buffer of the next reply, to be filled before `push`. Only its first
   * 36 bytes may be written; the rest is the padding and stays zero.
   */
  get nextFrame(): Uint8Array {
    return this.#frames[this.#tail()]!;
  }

  /**
   * Keeps the reply in `nextFrame` until `ticket` settles. With `firstTicket`
   * it stands for all tickets from that on, and is an error if one of them
   * fails. The ring is not full.
   */
  push(port: Port, ticket: number, firstTicket: number = ticket): void {
    const at = this.#tail();
    this.#ports[at] = port;
    this.#tickets[at] = ticket;
    this.#firstTickets[at] = firstTicket;
    this.#size++;
  }

  /**
   * Sends and flushes every reply whose ticket is at most `throughTicket`, as
   * it stands or, if not `ok`, as an ATA error. Returns how many there were.
   */
  settle(throughTicket: number, ok: boolean): number {
    const first = this.#head;
    let count = 0;
    while (this.#size > 0 && this.#tickets[this.#head]! <= throughTicket) {
      const frame = this.#frames[this.#head]!;
      if (!ok) markFailed(frame);
      this.#ports[this.#head]!.send(frame, FRAME_LENGTH_MIN);
      this.#head = (this.#head + 1) % this.capacity;
      this.#size--;
      count++;
    }
    if (!ok) this.#failStarted(throughTicket);
    for (let i = 0; i < count; i++) {
      this.#ports[(first + i) % this.capacity]!.flush();
    }
    return count;
  }

  /** Fails the replies of which only some tickets have settled. */
  #failStarted(throughTicket: number): void {
    for (let i = 0; i < this.#size; i++) {
      const at = (this.#head + i) % this.capacity;
      if (this.#firstTickets[at]! <= throughTicket) {
        markFailed(this.#frames[at]!);
      }
    }
  }

  #tail(): number {
    return (this.#head + this.#size) % this.capacity;
  }
}

function markFailed(frame: Uint8Array): void {
  frame[AtaOffset.CommandStatus] = AtaStatus.Failed;
  frame[AtaOffset.ErrorFeature] = AtaErrorBit.Aborted;
}
