/**
 * The lower half of an initiator: raw request frames in numbered places, sent
 * until they are answered or their deadline passes. No promise and no
 * allocation per frame, so it also serves as a load generator: acquire a place,
 * fill its frame, send, and do so again in `onReply`.
 *
 * Invariants:
 * - a tag is used for one request only, for all its transmissions;
 * - a listener hears of each request exactly once;
 * - after a retransmission the window halves; each answer widens it by one.
 *
 * @module
 */

import { equalBytes, readUint16, readUint32, writeUint32 } from "../bytes.ts";
import {
  AOE_ETHERTYPE,
  AoeFlag,
  HEADER_LENGTH,
  HeaderOffset,
  SHELF_BROADCAST,
  SLOT_BROADCAST,
} from "../header.ts";
import {
  ETHERNET_HEADER_LENGTH,
  type FrameHandler,
  type Link,
} from "../link/link.ts";
import { yieldToEventLoop } from "../yield.ts";
import { type Clock, systemClock } from "../clock.ts";
import { LinkClosedError, TimeoutError } from "./errors.ts";
import { RoundTripTime } from "./round_trip_time.ts";

/** Options of an exchange. */
export interface ExchangeOptions {
  /** Most requests outstanding, 1 to 256, 16 by default. */
  readonly windowMax?: number;
  /** Shortest wait before a request is repeated, 100 by default. */
  readonly retransmitMinMs?: number;
  /** Longest wait before a request is repeated, 2000 by default. */
  readonly retransmitMaxMs?: number;
  /** How long a request is tried before it fails, 30 s by default. */
  readonly deadlineMs?: number;
  /** Time; the machine's by default. */
  readonly clock?: Clock;
}

/** Told what became of a request. */
export interface ExchangeListener {
  /** The answer came. `reply` is borrowed; `place` is free again already. */
  onReply(place: number, reply: Uint8Array, length: number): void;
  /** No answer came. `place` is free again already. */
  onFailure(place: number, error: Error): void;
  /** What was tried, on what, for messages: "read sector 8 of 1.0". */
  describe(place: number): string;
}

/** Counters of an exchange. */
export interface ExchangeStatistics {
  /** Requests sent, repetitions not counted. */
  requests: number;
  /** Repetitions. */
  retransmissions: number;
  /** Answers to outstanding requests. */
  replies: number;
  /** Requests whose deadline passed. */
  timeouts: number;
}

const WINDOW_LIMIT = 256;
const BURST_FRAMES = 64;
/** Retransmissions are this fraction of the shortest wait late at most. */
const TICKS_PER_RETRANSMIT = 4;
/**
 * Set in every tag: by convention it marks the requests of user programs, and
 * the Linux driver on the same interface then ignores the answers.
 */
const TAG_USER_BIT = 0x80000000;
const TAG_SEQUENCE_LIMIT = 2 ** 23;

/** A tag that no request uses: answers to it go to the observer. */
export const TAG_UNMATCHED: number = TAG_USER_BIT;

/** Requests outstanding on one link. */
export class Exchange {
  /** The link; closed with the exchange. */
  readonly link: Link;
  readonly #statistics: ExchangeStatistics = {
    requests: 0,
    retransmissions: 0,
    replies: 0,
    timeouts: 0,
  };
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #tickMs: number;
  readonly #roundTripTime: RoundTripTime;
  readonly #frames: Uint8Array[] = [];
  readonly #lengths: Uint32Array;
  /** 0 where nothing is outstanding: no tag is 0. */
  readonly #tags: Uint32Array;
  readonly #firstSentAt: Float64Array;
  readonly #sentAt: Float64Array;
  readonly #waitMs: Float64Array;
  readonly #listeners: (ExchangeListener | undefined)[] = [];
  readonly #free: number[] = [];
  #windowMax: number;
  #window: number;
  #sequence = 0;
  #acquiredCount = 0;
  #sentCount = 0;
  #cancelTick: (() => void) | undefined;
  #onUnmatched: FrameHandler = () => {};
  #onRoom: () => void = () => {};

  /** Starts to receive from `link`. */
  constructor(link: Link, options: ExchangeOptions = {}) {
    const windowMax = options.windowMax ?? 16;
    if (
      !Number.isInteger(windowMax) || windowMax < 1 || windowMax > WINDOW_LIMIT
    ) {
      throw new RangeError(
        `Cannot make exchange: windowMax is ${windowMax}, use 1 to ${WINDOW_LIMIT}`,
      );
    }
    const retransmitMinMs = options.retransmitMinMs ?? 100;
    this.link = link;
    this.#clock = options.clock ?? systemClock;
    this.#deadlineMs = options.deadlineMs ?? 30_000;
    this.#tickMs = retransmitMinMs / TICKS_PER_RETRANSMIT;
    this.#roundTripTime = new RoundTripTime({
      retransmitMinMs,
      retransmitMaxMs: options.retransmitMaxMs ?? 2_000,
    });
    this.#windowMax = windowMax;
    this.#window = windowMax;
    this.#lengths = new Uint32Array(windowMax);
    this.#tags = new Uint32Array(windowMax);
    this.#firstSentAt = new Float64Array(windowMax);
    this.#sentAt = new Float64Array(windowMax);
    this.#waitMs = new Float64Array(windowMax);
    for (let place = windowMax - 1; place >= 0; place--) {
      this.#frames.push(new Uint8Array(link.mtu + ETHERNET_HEADER_LENGTH));
      this.#listeners.push(undefined);
      this.#free.push(place);
    }
    void this.#receive();
  }

  /** Live counters. */
  get statistics(): Readonly<ExchangeStatistics> {
    return this.#statistics;
  }

  /** Time, for whoever builds on the exchange. */
  get clock(): Clock {
    return this.#clock;
  }

  /** Requests outstanding. */
  get outstandingCount(): number {
    return this.#sentCount;
  }

  /** Narrows the window for good, to what a target can queue. */
  limitWindow(requestCount: number): void {
    this.#windowMax = Math.max(1, Math.min(this.#windowMax, requestCount));
    this.#window = Math.min(this.#window, this.#windowMax);
  }

  /** Registers who is told when a request can be sent again. */
  onRoom(listener: () => void): void {
    this.#onRoom = listener;
  }

  /** Registers who gets responses that answer no outstanding request. */
  onUnmatched(handler: FrameHandler): void {
    this.#onUnmatched = handler;
  }

  /** Takes a place, or -1 when the window is full. `send` must follow. */
  acquire(): number {
    if (this.#acquiredCount >= this.#window) return -1;
    this.#acquiredCount++;
    return this.#free.pop()!;
  }

  /** The frame of an acquired place, to be filled from its start. */
  frame(place: number): Uint8Array {
    return this.#frames[place]!;
  }

  /**
   * Queues the first `length` bytes of the place's frame, after writing the
   * tag. Takes effect with `flush`.
   */
  send(place: number, length: number, listener: ExchangeListener): void {
    this.#sequence = (this.#sequence + 1) % TAG_SEQUENCE_LIMIT;
    // A sequence of 0 with place 0 would be TAG_UNMATCHED.
    if (this.#sequence === 0) this.#sequence = 1;
    const tag = (TAG_USER_BIT | this.#sequence << 8 | place) >>> 0;
    const frame = this.#frames[place]!;
    writeUint32(frame, HeaderOffset.Tag, tag);
    const now = this.#clock.now();
    this.#tags[place] = tag;
    this.#lengths[place] = length;
    this.#listeners[place] = listener;
    this.#firstSentAt[place] = now;
    this.#sentAt[place] = now;
    this.#waitMs[place] = this.#roundTripTime.timeoutMs;
    this.#sentCount++;
    this.#statistics.requests++;
    if (this.link.closed) return void queueMicrotask(() => this.#failAll());
    this.link.send(frame, length);
    this.#cancelTick ??= this.#clock.after(this.#tickMs, () => this.#tick());
  }

  /** Sends what was queued. */
  flush(): void {
    if (!this.link.closed) this.link.flush();
  }

  /** Fails every outstanding request and closes the link. */
  close(): void {
    this.link.close();
    this.#failAll();
  }

  async #receive(): Promise<void> {
    const handler: FrameHandler = (frame, length) => this.#take(frame, length);
    while (!this.link.closed) {
      await this.link.wait();
      while (this.link.drain(handler, BURST_FRAMES) === BURST_FRAMES) {
        this.#announceRoom();
        await yieldToEventLoop();
      }
      this.#announceRoom();
    }
    this.#failAll();
  }

  #announceRoom(): void {
    if (this.#acquiredCount < this.#window) this.#onRoom();
    this.flush();
  }

  #take(frame: Uint8Array, length: number): void {
    if (length < HEADER_LENGTH) return;
    if (readUint16(frame, HeaderOffset.EtherType) !== AOE_ETHERTYPE) return;
    if ((frame[HeaderOffset.VersionFlags]! & AoeFlag.Response) === 0) return;
    const tag = readUint32(frame, HeaderOffset.Tag);
    const place = tag & 0xff;
    // An advert has tag 0, and so has a place where nothing is outstanding.
    if (
      tag === 0 || this.#tags[place] !== tag ||
      !isAnswer(this.#frames[place]!, frame)
    ) {
      return this.#onUnmatched(frame, length);
    }
    const now = this.#clock.now();
    if (this.#sentAt[place] === this.#firstSentAt[place]) {
      this.#roundTripTime.sample(now - this.#sentAt[place]!);
    }
    this.#window = Math.min(this.#windowMax, this.#window + 1);
    this.#statistics.replies++;
    this.#release(place).onReply(place, frame, length);
  }

  #tick(): void {
    this.#cancelTick = undefined;
    const now = this.#clock.now();
    let repeated = false;
    for (let place = 0; place < this.#tags.length; place++) {
      if (this.#tags[place] === 0) continue;
      if (now - this.#firstSentAt[place]! >= this.#deadlineMs) {
        this.#expire(place);
      } else if (now - this.#sentAt[place]! >= this.#waitMs[place]!) {
        this.#repeat(place, now);
        repeated = true;
      }
    }
    if (repeated) this.#window = Math.max(1, this.#window >>> 1);
    this.#announceRoom();
    if (this.#sentCount > 0) {
      this.#cancelTick ??= this.#clock.after(this.#tickMs, () => this.#tick());
    }
  }

  #repeat(place: number, now: number): void {
    this.#sentAt[place] = now;
    this.#waitMs[place] = this.#roundTripTime.backOff(this.#waitMs[place]!);
    this.#statistics.retransmissions++;
    this.link.send(this.#frames[place]!, this.#lengths[place]!);
  }

  #expire(place: number): void {
    this.#statistics.timeouts++;
    const action = this.#listeners[place]!.describe(place);
    this.#release(place).onFailure(
      place,
      new TimeoutError(action, this.#deadlineMs),
    );
  }

  #failAll(): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    for (let place = 0; place < this.#tags.length; place++) {
      if (this.#tags[place] === 0) continue;
      const action = this.#listeners[place]!.describe(place);
      this.#release(place).onFailure(
        place,
        new LinkClosedError(action, this.link.name),
      );
    }
    this.#onRoom();
  }

  #release(place: number): ExchangeListener {
    const listener = this.#listeners[place]!;
    this.#listeners[place] = undefined;
    this.#tags[place] = 0;
    this.#free.push(place);
    this.#acquiredCount--;
    this.#sentCount--;
    return listener;
  }
}

/** Whether a response comes from the target the request names, for its command. */
function isAnswer(request: Uint8Array, response: Uint8Array): boolean {
  if (request[HeaderOffset.Command] !== response[HeaderOffset.Command]) {
    return false;
  }
  const anyShelf = readUint16(request, HeaderOffset.Shelf) === SHELF_BROADCAST;
  const anySlot = request[HeaderOffset.Slot] === SLOT_BROADCAST;
  return (anyShelf ||
    equalBytes(request, HeaderOffset.Shelf, response, HeaderOffset.Shelf, 2)) &&
    (anySlot || request[HeaderOffset.Slot] === response[HeaderOffset.Slot]);
}
