/**
 * A link that does to frames what a bad network does: it loses, duplicates,
 * delays and thereby reorders them. Delay is counted in frames, and chance
 * comes from outside, so that a run can be repeated exactly.
 *
 * @module
 */

import {
  ETHERNET_HEADER_LENGTH,
  FRAME_LENGTH_MIN,
  type FrameHandler,
  type Link,
  type LinkStatistics,
} from "./link.ts";

/** How bad the network is. Ratios go from 0 to 1 and are 0 by default. */
export interface FaultyLinkOptions {
  /** A source of numbers from 0 up to, not including, 1. */
  readonly random: () => number;
  /** Share of frames that are lost. */
  readonly lossRatio?: number;
  /** Share of frames that arrive twice. */
  readonly duplicateRatio?: number;
  /** Share of frames, duplicates included, that later ones overtake. */
  readonly delayRatio?: number;
  /** A delayed frame arrives after 1 to this many later ones, 8 by default. */
  readonly delayFramesMax?: number;
}

/** What happened to frames. */
export interface FaultStatistics {
  /** Frames lost. */
  lost: number;
  /** Frames that arrived twice. */
  duplicated: number;
  /** Frames overtaken by later ones. */
  delayed: number;
}

/** A frame that waits for later ones to overtake it. */
interface DelayedFrame {
  readonly bytes: Uint8Array;
  remainingFrames: number;
}

/** Wraps a link; faults strike in both directions. */
export class FaultyLink implements Link {
  /** Live counters of the faults, both directions together. */
  readonly faults: FaultStatistics = { lost: 0, duplicated: 0, delayed: 0 };
  readonly #link: Link;
  readonly #outbound: FaultLane;
  readonly #inbound: FaultLane;
  readonly #sendOn: FrameHandler;

  /** Wraps `link`, which is closed with this one. */
  constructor(link: Link, options: FaultyLinkOptions) {
    this.#link = link;
    this.#outbound = new FaultLane(options, this.faults);
    this.#inbound = new FaultLane(options, this.faults);
    this.#sendOn = (frame, length) => void link.send(frame, length);
  }

  /** The wrapped link's name. */
  get name(): string {
    return this.#link.name;
  }

  /** The wrapped link's address. */
  get mac(): Uint8Array {
    return this.#link.mac;
  }

  /** The wrapped link's MTU. */
  get mtu(): number {
    return this.#link.mtu;
  }

  /** The wrapped link's counters: frames lost here are not among those sent. */
  get statistics(): Readonly<LinkStatistics> {
    return this.#link.statistics;
  }

  /** Whether the wrapped link is closed. */
  get closed(): boolean {
    return this.#link.closed;
  }

  /** Waits for the wrapped link. */
  wait(): Promise<void> {
    return this.#link.wait();
  }

  /** Drains the wrapped link; `handler` sees fewer or more frames than counted. */
  drain(handler: FrameHandler, frameCountMax: number): number {
    return this.#link.drain(
      (frame, length) => this.#inbound.pass(frame, length, handler),
      frameCountMax,
    );
  }

  /** True unless the frame cannot be sent at all; a lost one counts as sent. */
  send(frame: Uint8Array, length: number): boolean {
    if (this.closed || length > this.mtu + ETHERNET_HEADER_LENGTH) {
      return this.#link.send(frame, length);
    }
    this.#outbound.pass(frame, length, this.#sendOn);
    return true;
  }

  /** Flushes the wrapped link; delayed frames stay delayed. */
  flush(): void {
    this.#link.flush();
  }

  /** Loses every frame that is still delayed, in both directions. */
  loseDelayed(): void {
    this.faults.lost += this.#outbound.clear() + this.#inbound.clear();
  }

  /** Closes the wrapped link. */
  close(): void {
    this.loseDelayed();
    this.#link.close();
  }
}

/** One direction. */
class FaultLane {
  readonly #options: Required<FaultyLinkOptions>;
  readonly #faults: FaultStatistics;
  #delayed: DelayedFrame[] = [];

  constructor(options: FaultyLinkOptions, faults: FaultStatistics) {
    this.#options = {
      lossRatio: 0,
      duplicateRatio: 0,
      delayRatio: 0,
      delayFramesMax: 8,
      ...options,
    };
    this.#faults = faults;
  }

  /** Hands `deliver` what arrives because of this frame: 0, 1 or more frames. */
  pass(frame: Uint8Array, length: number, deliver: FrameHandler): void {
    const ripe = this.#ripe();
    if (this.#strikes(this.#options.lossRatio)) {
      this.#faults.lost++;
    } else {
      this.#deliverOrDelay(frame, length, deliver);
      if (this.#strikes(this.#options.duplicateRatio)) {
        this.#faults.duplicated++;
        this.#deliverOrDelay(frame, length, deliver);
      }
    }
    for (const { bytes } of ripe) deliver(bytes, bytes.length);
  }

  clear(): number {
    return this.#delayed.splice(0).length;
  }

  #ripe(): DelayedFrame[] {
    if (this.#delayed.length === 0) return [];
    for (const delayed of this.#delayed) delayed.remainingFrames--;
    const ripe = this.#delayed.filter((it) => it.remainingFrames === 0);
    this.#delayed = this.#delayed.filter((it) => it.remainingFrames > 0);
    return ripe;
  }

  #deliverOrDelay(
    frame: Uint8Array,
    length: number,
    deliver: FrameHandler,
  ): void {
    if (!this.#strikes(this.#options.delayRatio)) return deliver(frame, length);
    this.#faults.delayed++;
    const bytes = new Uint8Array(Math.max(length, FRAME_LENGTH_MIN));
    bytes.set(frame.subarray(0, length));
    const frames = Math.floor(
      this.#options.random() * this.#options.delayFramesMax,
    );
    this.#delayed.push({ bytes, remainingFrames: 1 + frames });
  }

  #strikes(ratio: number): boolean {
    return ratio > 0 && this.#options.random() < ratio;
  }
}
