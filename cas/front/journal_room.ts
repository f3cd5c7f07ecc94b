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
  /**
   * Has the archive take what is in the journal; true while it does, and
   * nothing is known to keep it from that.
   */
  readonly makeRoom: () => Promise<boolean>;
}

/** Knows whether the journal's disk is full. */
export class JournalRoom {
  readonly #options: JournalRoomOptions;
  /** The journal's bytes when the disk took no more. */
  #bytesMax = Infinity;
  /** Since then no batch found room, nor was there hope for any. */
  #fullSinceMs: number | undefined;
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
    if (this.#refusal === undefined) return;
    this.#refusal = undefined;
    this.#options.report(writesAccepted());
  }

  async #judge(error: unknown): Promise<void> {
    const { clock, report, location, makeRoom } = this.#options;
    const cause = error instanceof Error ? error.message : String(error);
    if (this.#fullSinceMs === undefined) {
      report({
        event: "journal-full",
        severity: "strange",
        message:
          `The disk of the journal in ${location} is full; writes wait while the archive takes what is in it: ${cause}`,
      });
    }
    this.#fullSinceMs ??= clock.nowMs();
    if (await makeRoom()) {
      this.#fullSinceMs = clock.nowMs();
    } else if (clock.nowMs() - this.#fullSinceMs >= GRACE_MS) {
      this.#refusal =
        `the disk of the journal in ${location} is full: ${cause}`;
      report(writesRefused(this.#refusal));
    }
  }
}

/** True for what a disk says that has no room, or allows no more. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof DiskError &&
    (error.code === "ENOSPC" || error.code === "EDQUOT");
}
