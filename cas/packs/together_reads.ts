/**
 * Whether a store is asked for many ranges together. One that fails at that is
 * read by single gets all the same, so nobody would notice; but one that hangs
 * costs the whole time of its watchdog each time it is asked. So it is then left
 * alone for a while, longer each time, and somebody is told.
 *
 * @module
 */

import type { FoundRanges } from "../../blobstores/blob_store.ts";
import type { EventSink } from "../events.ts";

const PAUSE_FIRST_MS = 60_000;
const PAUSE_MAX_MS = 3_600_000;
/** Beyond so many doublings a pause is at its longest anyway. */
const DOUBLINGS_MAX = 16;

/** What `TogetherReads` works with. */
export interface TogetherReadsOptions {
  /** The store, in messages. */
  readonly display: string;
  /** Told when a pause begins, and when the store does it again. */
  readonly onEvent: EventSink;
  /** Waits; resolves early when the signal aborts. */
  readonly sleep: (timeMs: number, signal: AbortSignal) => Promise<void>;
  /** Aborted when nothing is read any more. */
  readonly signal: AbortSignal;
}

/** Reads many ranges together, from a store that does it well. */
export class TogetherReads {
  readonly #options: TogetherReadsOptions;
  /** Pauses since the store last did it. */
  #pauseCount = 0;
  #isPaused = false;

  /** Trusts the store at first. */
  constructor(options: TogetherReadsOptions) {
    this.#options = options;
  }

  /** What `read` found; nothing where it failed, or where the store is left alone. */
  async run(read: () => Promise<FoundRanges>): Promise<FoundRanges> {
    if (this.#isPaused) return [];
    const isTrial = this.#pauseCount > 0;
    // After a pause one tries, and the others do not wait for what becomes of it.
    this.#isPaused = isTrial;
    try {
      const found = await read();
      if (isTrial) this.#end();
      return found;
    } catch (error) {
      const isKnown = this.#isPaused && !isTrial;
      if (!isKnown && !this.#options.signal.aborted) this.#pause(error);
      return [];
    }
  }

  #pause(error: unknown): void {
    const { display, onEvent, sleep, signal } = this.#options;
    const doublings = Math.min(this.#pauseCount++, DOUBLINGS_MAX);
    const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** doublings);
    const cause = error instanceof Error ? error.message : String(error);
    this.#isPaused = true;
    onEvent({
      event: "ranges-failed",
      severity: "strange",
      message:
        `The blob store ${display} failed to read scattered blocks together; for ${
          pauseMs / 1000
        } s they are read one by one, which is slower: ${cause}`,
      pauseMs,
    });
    sleep(pauseMs, signal).then(() => {
      this.#isPaused = false;
    });
  }

  #end(): void {
    const { display, onEvent } = this.#options;
    this.#isPaused = false;
    this.#pauseCount = 0;
    onEvent({
      event: "ranges-recovered",
      severity: "info",
      message:
        `The blob store ${display} reads scattered blocks together again`,
    });
  }
}
