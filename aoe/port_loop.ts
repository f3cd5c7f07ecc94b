/**
 * The frame loop of one port.
 *
 * As long as the link is drained quickly, frames are carried out as they lie
 * there: no copy, no queue. When frames keep coming for longer than the
 * hosts' windows explain, everything that waits is sorted by host first and
 * served in turns, so that a host that floods the link delays itself alone.
 *
 * Invariant: nothing runs longer than a burst of frames without letting the
 * other links and timers have their turn.
 *
 * @module
 */

import { Backlog } from "./backlog.ts";
import { ETHERNET_HEADER_LENGTH, type FrameHandler } from "./link/link.ts";
import type { Port } from "./port.ts";
import { yieldToEventLoop } from "./yield.ts";

/** Frames carried out without the link ever being empty, before a look at what waits. */
const FRAMES_BEFORE_SORTING = 256;

/** Frames sorted in one go. */
const SORTED_FRAMES_MAX = 1024;

/** Memory of a backlog, unless the frames are so long that this is too few. */
const BACKLOG_BYTES: number = 8 * 1024 * 1024;
const BACKLOG_FRAMES_MIN = 128;
const BACKLOG_FRAMES_MAX = 1024;

/** What a loop does with frames. */
export interface PortLoopOptions {
  /** Frames carried out in one go. */
  readonly burstFramesMax: number;
  /** Whether a frame is a request to carry out. */
  readonly admit: (port: Port, frame: Uint8Array, length: number) => boolean;
  /** Carries out an admitted request. */
  readonly carryOut: (port: Port, frame: Uint8Array, length: number) => void;
  /** Called once each time the link woke the loop. */
  readonly onWake: () => void;
}

/** Serves one port until its link is closed. */
export class PortLoop {
  readonly #port: Port;
  readonly #options: PortLoopOptions;
  readonly #handle: FrameHandler;
  readonly #sort: FrameHandler;
  readonly #carryOut: FrameHandler;
  readonly #backlog: Backlog;
  #droppedFrames = 0;

  /** A loop that does not run yet. */
  constructor(port: Port, options: PortLoopOptions) {
    this.#port = port;
    this.#options = options;
    this.#backlog = backlogForMtu(port.link.mtu);
    this.#carryOut = (frame, length) => options.carryOut(port, frame, length);
    this.#handle = (frame, length) => {
      if (options.admit(port, frame, length)) {
        options.carryOut(port, frame, length);
      }
    };
    this.#sort = (frame, length) => {
      if (!options.admit(port, frame, length)) return;
      if (!this.#backlog.push(frame, length)) this.#droppedFrames++;
    };
  }

  /** Frames dropped because their host had sent more than its share. */
  get droppedFrames(): number {
    return this.#droppedFrames;
  }

  /** Serves until the link is closed. */
  async run(): Promise<void> {
    const { link } = this.#port;
    while (!link.closed) {
      await link.wait();
      this.#options.onWake();
      await this.#drain();
    }
  }

  async #drain(): Promise<void> {
    const { burstFramesMax } = this.#options;
    let frameCount = 0;
    while (this.#drainBurst() === burstFramesMax) {
      frameCount += burstFramesMax;
      await yieldToEventLoop();
      if (frameCount < FRAMES_BEFORE_SORTING) continue;
      frameCount = 0;
      await this.#serveInTurns();
    }
  }

  #drainBurst(): number {
    const { burstFramesMax } = this.#options;
    const count = this.#port.link.drain(this.#handle, burstFramesMax);
    this.#port.flush();
    return count;
  }

  /** Serves everything that waits, and what comes meanwhile, host by host. */
  async #serveInTurns(): Promise<void> {
    const { link } = this.#port;
    link.drain(this.#sort, SORTED_FRAMES_MAX);
    while (this.#backlog.size > 0) {
      this.#backlog.serve(this.#carryOut, this.#options.burstFramesMax);
      this.#port.flush();
      await yieldToEventLoop();
      link.drain(this.#sort, SORTED_FRAMES_MAX);
    }
  }
}

function backlogForMtu(mtu: number): Backlog {
  const frameLength = mtu + ETHERNET_HEADER_LENGTH;
  const capacity = Math.floor(BACKLOG_BYTES / frameLength);
  return new Backlog(
    Math.max(BACKLOG_FRAMES_MIN, Math.min(capacity, BACKLOG_FRAMES_MAX)),
    frameLength,
  );
}
