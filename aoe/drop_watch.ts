/**
 * Notices frames that a link or its loop lost.
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import type { Link } from "./link/link.ts";
import type { PortLoop } from "./port_loop.ts";
import type { AoeServerEvent } from "./server_event.ts";

/** Losses are looked for, and reported, no more often than this. */
const REPORT_INTERVAL_MS = 10_000;

/** Reports the losses of one link. */
export class DropWatch {
  readonly #clock: Clock;
  readonly #onEvent: (event: AoeServerEvent) => void;
  #lookedAt: number;
  #lostFrames = 0;
  #droppedFrames = 0;

  /** Reports to `onEvent`, not before the interval has passed once. */
  constructor(clock: Clock, onEvent: (event: AoeServerEvent) => void) {
    this.#clock = clock;
    this.#onEvent = onEvent;
    this.#lookedAt = clock.now();
  }

  /** Looks at the counters, if it is time to. */
  look(link: Link, loop: PortLoop): void {
    const now = this.#clock.now();
    if (now - this.#lookedAt < REPORT_INTERVAL_MS) return;
    this.#lookedAt = now;
    const lost = link.statistics.framesDropped;
    const dropped = loop.droppedFrames;
    if (lost === this.#lostFrames && dropped === this.#droppedFrames) return;
    this.#onEvent({
      kind: "frames-dropped",
      linkName: link.name,
      lostFrames: lost - this.#lostFrames,
      droppedFrames: dropped - this.#droppedFrames,
    });
    this.#lostFrames = lost;
    this.#droppedFrames = dropped;
  }
}
