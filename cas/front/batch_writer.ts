/**
 * Writes sealed batches to the segments of the journal, each once.
 *
 * A file whose write or sync failed is never tried again (the system may have
 * dropped the bytes and report success): the batch goes to a new segment. If
 * that fails too the batch has failed, and the next one tries another new
 * segment. A disk without room is waited for first: JournalRoom.
 *
 * @module
 */

import type { EventSink } from "../events.ts";
import type { Clock } from "./clock.ts";
import type { JournalBatch, SealedBatch } from "./journal_batch.ts";
import type { Checksum } from "./journal_format.ts";
import { isDiskFull, type JournalRoom } from "./journal_room.ts";
import type { Segment, SegmentStore } from "./journal_segments.ts";
import { SyncPolicy } from "./sync_policy.ts";

/** What a `BatchWriter` writes to, and with. */
export interface BatchWriterOptions {
  /** The files. */
  readonly segments: SegmentStore;
  /** Whether they find room. */
  readonly room: JournalRoom;
  /** The checksum of batches. */
  readonly checksum: Checksum;
  /** Time. */
  readonly clock: Clock;
  /** Takes events. */
  readonly report: EventSink;
  /** The newest batch of before: the next one follows it. */
  readonly last: { readonly sequence: number; readonly checksum: Uint8Array };
}

/** Who gives the batches, one at a time. */
export interface BatchOwner {
  /** Bytes of the journal in use, on disk and on the way there. */
  readonly byteCount: () => number;
  /** True while somebody waits for the batch, so that no room is waited for. */
  readonly isAwaited: () => boolean;
  /** Ends the wait for room. */
  readonly hurry: AbortSignal;
  /** Called before a write that blocks this turn of the event loop. */
  readonly blocking: () => void;
  /** Called when the batch is durable. */
  readonly succeeded: (batch: JournalBatch) => void;
  /** Called when it could not be made so. */
  readonly failed: (batch: JournalBatch) => void;
}

/** Makes one batch after the other durable. */
export class BatchWriter {
  readonly #options: BatchWriterOptions;
  readonly #owner: BatchOwner;
  readonly #policy: SyncPolicy = new SyncPolicy();
  #segment: Segment | undefined;
  #sequence: number;
  #lastChecksum: Uint8Array;

  /** A writer that goes on after `last`. */
  constructor(options: BatchWriterOptions, owner: BatchOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#sequence = options.last.sequence;
    this.#lastChecksum = options.last.checksum;
  }

  /** `Journal.rotate`. */
  rotate(): number {
    const { segments } = this.#options;
    const next = segments.takeNow();
    if (next !== undefined) this.#segment = next;
    // Where the newest one failed, nothing more is written to it.
    const isLeft = this.#segment === undefined;
    return isLeft ? segments.newestTaken + 1 : segments.newestTaken;
  }

  /** Has the next segment made ahead of need. */
  prepareNext(): void {
    this.#options.segments.prepareAhead().catch((error: unknown) => {
      if (isDiskFull(error)) return;
      this.#report("strange", "cannot make the next segment ahead", error);
    });
  }

  /**
   * Writes a batch, and tells the owner when that is done, maybe before this
   * returns; the batch stays untouched until then.
   */
  write(batch: JournalBatch): void {
    const segment = this.#segment;
    if (segment === undefined) {
      this.#writeElsewhere(batch);
      return;
    }
    try {
      if (this.#policy.shouldBlock(batch.byteCount)) {
        this.#owner.blocking();
        const { bytes, checksum } = this.#seal(batch, segment);
        const startMs = this.#options.clock.nowMs();
        segment.file.writeDurably(bytes, segment.tail);
        this.#policy.took(this.#options.clock.nowMs() - startMs, true);
        segment.tail += bytes.length;
        this.#succeed(batch, checksum);
      } else {
        this.#writeInBackground(batch, segment);
      }
    } catch (error) {
      this.#fail(segment, error);
      this.#writeElsewhere(batch);
    }
  }

  #seal(batch: JournalBatch, segment: Segment): SealedBatch {
    return batch.seal({
      segment,
      sequence: this.#sequence + 1,
      previousChecksum: this.#lastChecksum,
    }, this.#options.checksum);
  }

  #writeInBackground(batch: JournalBatch, segment: Segment): void {
    const { bytes, checksum } = this.#seal(batch, segment);
    const startMs = this.#options.clock.nowMs();
    const writing = segment.file.writeDurablySoon(bytes, segment.tail);
    segment.tail += bytes.length;
    segment.idle = writing.catch(() => {});
    writing.then(() => {
      this.#policy.took(this.#options.clock.nowMs() - startMs, false);
      this.#succeed(batch, checksum);
    }, (error: unknown) => {
      this.#fail(segment, error);
      this.#writeElsewhere(batch);
    });
  }

  /** Writes a batch to a segment that has never failed; waits for room. */
  async #writeElsewhere(batch: JournalBatch): Promise<void> {
    const { room } = this.#options;
    const { byteCount, hurry, isAwaited } = this.#owner;
    for (;;) {
      const error = await this.#tryElsewhere(batch);
      if (error === undefined) return;
      const isWanted = isDiskFull(error) && !isAwaited() &&
        await room.shallRetry(error, byteCount(), hurry);
      if (!isWanted) break;
    }
    this.#owner.failed(batch);
  }

  /** What was in the way, if anything. */
  async #tryElsewhere(batch: JournalBatch): Promise<unknown> {
    const { segments } = this.#options;
    let segment: Segment | undefined;
    try {
      // A rotation may have taken one that was made before: where the disk is
      // full there is no other.
      if (this.#segment === undefined) await segments.prepare();
      segment = this.#segment ?? segments.takeNow();
      if (segment === undefined) throw new Error("no segment was made");
      this.#segment = segment;
      const { bytes, checksum } = this.#seal(batch, segment);
      segment.file.write(bytes, segment.tail);
      segment.tail += bytes.length;
      const syncing = segment.file.sync();
      segment.idle = syncing.catch(() => {});
      await syncing;
      this.prepareNext();
      this.#succeed(batch, checksum);
      return undefined;
    } catch (error) {
      this.#fail(segment, error);
      return error;
    }
  }

  #succeed(batch: JournalBatch, checksum: Uint8Array): void {
    this.#sequence++;
    this.#lastChecksum = checksum;
    this.#options.room.found(this.#owner.byteCount());
    this.#owner.succeeded(batch);
  }

  #fail(segment: Segment | undefined, error: unknown): void {
    if (this.#segment === segment) this.#segment = undefined;
    if (segment !== undefined) segment.failed = true;
    // Where there is none elsewhere either, its room tells.
    if (isDiskFull(error)) return;
    const where = segment === undefined ? "" : ` in segment ${segment.number}`;
    this.#report("admin", `a batch of writes failed${where}`, error);
  }

  #report(severity: "strange" | "admin", what: string, error: unknown): void {
    const cause = error instanceof Error ? error.message : String(error);
    this.#options.report({
      event: "journal-failure",
      severity,
      message: `Journal: ${what}: ${cause}`,
    });
  }
}
