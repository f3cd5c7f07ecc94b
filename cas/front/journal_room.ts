/**
 * What a journal does while its disk is full: it has the archive take what is in
 * it, which makes room, and tries again. Only when that does not help for some
 * time are writes refused.
 *
 * @module
 */

import { DiskError } from "../disk/disk.ts";
import type { EventSink } from "../events.ts";
import type { Clock } from "./clock.ts";
import { GRACE_MS, writesAccepted, writesRefused } from "./refusals.ts";

/** Between two attempts to write a batch. */
const RETRY_MS = 500;

/** Options of `JournalRoom`. */
export interface JournalRoomOptions {
  /** Time. */
  readonly clock: Clock;
  /** Takes events. */
  readonly report: EventSink;
  /** Where the journal is, for messages. */
  readonly location: string;
  /** Resolves when the archive has what is in the journal, which has let go of it. */
  readonly makeRoom: () => Promise<void>;
  /** True while the archive takes something, and nothing is full that keeps it from that. */
  readonly isArchiving: () => Promise<boolean>;
}

/** Knows whether the journal's disk is full. */
export class JournalRoom {
  readonly #options: JournalRoomOptions;
  /** The journal's bytes when the disk took no more. */
  #bytesMax = Infinity;
  /** Since then no batch found room, nor was there hope for any. */
  #fullSinceMs: number | undefined;
  /** Room is being made: once each time the disk is full. */
  #relief: Promise<void> | undefined;
  #refusal: string | undefined;

  /** The disk is taken to have room. */
  constructor(options: JournalRoomOptions) {
    this.#options = options;
  }

  /** As many bytes as the journal is known to find room for. */
  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** Why writes are refused, while they are. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /**
   * Waits after an attempt found no room; true if another one shall be made,
   * false if the batch is to fail. `byteCount` is what the journal has.
   */
  async shallRetry(
    error: unknown,
    byteCount: number,
    hurry: AbortSignal,
  ): Promise<boolean> {
    const { clock } = this.#options;
    this.#bytesMax = byteCount;
    if (this.#refusal === undefined) await this.#judge(error);
    await clock.sleep(RETRY_MS, hurry);
    return this.#refusal === undefined && !hurry.aborted;
  }

  /** Notes that a batch found room, in a journal of so many bytes. */
  found(byteCount: number): void {
    if (byteCount > this.#bytesMax) this.#bytesMax = Infinity;
    this.#fullSinceMs = undefined;
    this.#relief = undefined;
    if (this.#refusal === undefined) return;
    this.#refusal = undefined;
    this.#options.report(writesAccepted());
  }

  async #judge(error: unknown): Promise<void> {
    const { clock, report, location, isArchiving } = this.#options;
    const cause = error instanceof Error ? error.message : String(error);
    if (this.#fullSinceMs === undefined) {
      report({
        event: "journal-full",
        severity: "strange",
        message:
          `The disk of the journal in ${location} is full; writes wait while the archive takes what is in it: ${cause}`,
      });
      this.#makeRoom();
    }
    this.#fullSinceMs ??= clock.nowMs();
    if (this.#relief !== undefined && await isArchiving()) {
      this.#fullSinceMs = clock.nowMs();
    } else if (clock.nowMs() - this.#fullSinceMs >= GRACE_MS) {
      this.#refusal =
        `the disk of the journal in ${location} is full: ${cause}`;
      report(writesRefused(this.#refusal));
    }
  }

  #makeRoom(): void {
    const end = (): void => {
      if (this.#relief === relief) this.#relief = undefined;
    };
    const relief = this.#options.makeRoom().then(end, end);
    this.#relief = relief;
  }
}

/** True for what a disk says that has no room, or allows no more. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof DiskError &&
    (error.code === "ENOSPC" || error.code === "EDQUOT");
}
