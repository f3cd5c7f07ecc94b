/**
 * Reads a journal after a crash or a stop.
 *
 * Batches form one chain over all segments: each has the next sequence and the
 * checksum of the one before. Where the chain stops is decided like this:
 * - a segment ends where the next one that has batches takes over: a batch that
 *   failed in one segment was written again, with its sequence, at the start of
 *   the next;
 * - in the last segment with batches, a batch that does not verify is the torn
 *   tail, for only one batch is ever unsynced; unless a sound batch of a higher
 *   sequence stands behind it: that one was written after the damaged one was
 *   synced, and proves damage.
 *
 * Every checksum includes its segment's random number: bytes that a client
 * stored in its disk, or an earlier life of the file left, prove nothing.
 *
 * @module
 */

import type { Disk, DiskFile } from "../disk/disk.ts";
import type { Clock } from "./clock.ts";
import { JournalError, withoutJournalAdvice } from "./journal_errors.ts";
import {
  Batch,
  BATCH_ALIGNMENT,
  BATCH_HEADER_LENGTH,
  batchLength,
  batchSequence,
  type Checksum,
  CHECKSUM_LENGTH,
  decodeSegmentHeader,
  equalAt,
  looksLikeBatch,
  parseSegmentName,
  segmentName,
  verifyBatch,
} from "./journal_format.ts";
import { NO_CHECKSUM } from "./journal.ts";
import type { FoundSegment, JournalIdentity } from "./journal_segments.ts";

/** Options of `JournalRecovery`. */
export interface JournalRecoveryOptions {
  /** The directory. */
  readonly disk: Disk;
  /** Who may read it. */
  readonly identity: JournalIdentity;
  /** The checksum of headers and batches. */
  readonly checksum: Checksum;
  /** Lets others have their turn. */
  readonly clock: Clock;
}

/** A verified batch. `bytes` is borrowed until the next one is asked for. */
export interface RecoveredBatch {
  /** The whole batch, header and all. */
  readonly bytes: Uint8Array;
  /** Where it stands, for messages. */
  readonly place: string;
}

interface OpenSegment {
  readonly number: number;
  readonly nonce: Uint8Array;
  readonly file: DiskFile;
  /** Sequence of its first batch, if that one is sound. */
  readonly firstSequence: number | undefined;
  byteCount: number;
}

/** One pass over a journal. */
export class JournalRecovery {
  readonly #options: JournalRecoveryOptions;
  readonly #segments: OpenSegment[] = [];
  #sequence: number | undefined;
  #checksum: Uint8Array = NO_CHECKSUM;

  private constructor(options: JournalRecoveryOptions) {
    this.#options = options;
  }

  /**
   * Opens every segment. Rejects with a `JournalError` when one has no sound
   * header, or belongs to another archive or server.
   */
  static async open(
    options: JournalRecoveryOptions,
  ): Promise<JournalRecovery> {
    const recovery = new JournalRecovery(options);
    const { disk } = options;
    // What is found must stay found: a power loss now must not bring back what
    // a killed process had removed but not synced.
    await disk.syncDirectory();
    try {
      for (const name of disk.list().sort()) {
        const number = parseSegmentName(name);
        if (number !== undefined) await recovery.#openSegment(name, number);
      }
    } catch (error) {
      recovery.close();
      throw error;
    }
    return recovery;
  }

  /** Sequence and checksum of the newest batch given out. */
  get last(): { readonly sequence: number; readonly checksum: Uint8Array } {
    return { sequence: this.#sequence ?? 0, checksum: this.#checksum };
  }

  /** The segments, ascending; complete after `batches` has ended. */
  get found(): FoundSegment[] {
    return this.#segments.map(({ number, byteCount }) => ({
      number,
      byteCount,
    }));
  }

  /** All batches in order. Throws a `JournalError` on damage. */
  async *batches(): AsyncGenerator<RecoveredBatch, void, void> {
    const { clock } = this.#options;
    for (let index = 0; index < this.#segments.length; index++) {
      const segment = this.#segments[index] as OpenSegment;
      const limit = this.#takenOverAt(index + 1);
      let position = BATCH_ALIGNMENT;
      while (limit === undefined || (this.#sequence ?? 0) + 1 < limit) {
        const batch = this.#readBatch(segment, position);
        if (batch === undefined) {
          await this.#judgeEnd(segment, position, limit);
          break;
        }
        // Written again in a later segment, which counts.
        if (batchSequence(batch) >= (limit ?? Infinity)) break;
        this.#follow(segment, position, batch);
        yield {
          bytes: batch,
          place: `${this.#path(segment)} at byte ${position}`,
        };
        position += batch.length;
        segment.byteCount = position;
        await clock.yieldTurn();
      }
    }
  }

  /** Lets go of the files. */
  close(): void {
    for (const segment of this.#segments) segment.file.close();
  }

  async #openSegment(name: string, number: number): Promise<void> {
    const { disk, identity, checksum } = this.#options;
    const file = disk.open(name);
    const bytes = new Uint8Array(BATCH_ALIGNMENT);
    const count = file.read(bytes, 0);
    const header = decodeSegmentHeader(bytes.subarray(0, count), checksum);
    const path = `${disk.location}/${name}`;
    if (typeof header === "string" || header.number !== number) {
      file.close();
      const reason = typeof header === "string"
        ? header
        : `it says of itself that it is segment ${header.number}`;
      throw new JournalError(
        "Damaged",
        `Cannot replay ${path}: ${reason}. ${
          withoutJournalAdvice(disk.location)
        }`,
      );
    }
    if (
      header.archiveId !== identity.archiveId ||
      header.stateId !== identity.stateId
    ) {
      file.close();
      throw new JournalError(
        "Foreign",
        `Cannot replay ${path}: it was written by state ${header.stateId} for archive ${header.archiveId}, ` +
          `and this is state ${identity.stateId} of archive ${identity.archiveId}. ` +
          `Start with the store and the state directory it belongs to. ${
            withoutJournalAdvice(disk.location)
          }`,
      );
    }
    const opened = { number, nonce: header.nonce, file };
    const first = this.#readBatch(opened, BATCH_ALIGNMENT);
    this.#segments.push({
      ...opened,
      firstSequence: first === undefined ? undefined : batchSequence(first),
      byteCount: BATCH_ALIGNMENT,
    });
    // Also what a killed process had written but not synced.
    await file.sync();
  }

  /** The first sequence in the segments from `index` on. */
  #takenOverAt(index: number): number | undefined {
    return this.#segments.slice(index)
      .find((segment) => segment.firstSequence !== undefined)?.firstSequence;
  }

  #follow(segment: OpenSegment, position: number, batch: Uint8Array): void {
    const sequence = batchSequence(batch);
    const follows = this.#sequence === undefined ||
      (sequence === this.#sequence + 1 &&
        equalAt(batch, Batch.previousChecksum, this.#checksum));
    if (!follows) {
      throw this.#damage(
        segment,
        position,
        `batch ${sequence} does not follow batch ${this.#sequence}: a segment before it is missing or was replaced`,
      );
    }
    this.#sequence = sequence;
    this.#checksum = batch.slice(
      Batch.checksum,
      Batch.checksum + CHECKSUM_LENGTH,
    );
  }

  async #judgeEnd(
    segment: OpenSegment,
    position: number,
    limit: number | undefined,
  ): Promise<void> {
    const begun = this.#sequence !== undefined;
    if (limit !== undefined && begun) {
      throw this.#damage(
        segment,
        position,
        `batch ${
          (this.#sequence ?? 0) + 1
        } is missing or damaged, and a later segment begins with batch ${limit}`,
      );
    }
    const proof = await this.#findBatchAfter(segment, position);
    if (proof !== undefined) {
      throw this.#damage(
        segment,
        position,
        `a batch is damaged, and a sound one stands behind it at byte ${proof}`,
      );
    }
  }

  async #findBatchAfter(
    segment: OpenSegment,
    start: number,
  ): Promise<number | undefined> {
    const { size } = segment.file;
    const header = new Uint8Array(BATCH_HEADER_LENGTH);
    let looked = 0;
    let position = start + BATCH_ALIGNMENT;
    for (; position < size; position += BATCH_ALIGNMENT) {
      if (++looked % 256 === 0) await this.#options.clock.yieldTurn();
      if (segment.file.read(header, position) < header.length) continue;
      if (!looksLikeBatch(header, segment.number)) continue;
      if (batchSequence(header) <= (this.#sequence ?? 0)) continue;
      if (this.#readBatch(segment, position) !== undefined) return position;
    }
    return undefined;
  }

  /** The batch at this place if there is a sound one. */
  #readBatch(
    segment: Pick<OpenSegment, "file" | "number" | "nonce">,
    position: number,
  ): Uint8Array | undefined {
    const header = new Uint8Array(BATCH_HEADER_LENGTH);
    if (segment.file.read(header, position) < header.length) return undefined;
    if (!looksLikeBatch(header, segment.number)) return undefined;
    const length = batchLength(header);
    if (length > segment.file.size - position) return undefined;
    const batch = new Uint8Array(length);
    if (segment.file.read(batch, position) < length) return undefined;
    return verifyBatch(batch, segment.nonce, this.#options.checksum)
      ? batch
      : undefined;
  }

  #damage(segment: OpenSegment, position: number, what: string): JournalError {
    return new JournalError(
      "Damaged",
      `Cannot replay ${this.#path(segment)}: at byte ${position} ${what}. ${
        withoutJournalAdvice(this.#options.disk.location)
      }`,
    );
  }

  #path(segment: OpenSegment): string {
    return `${this.#options.disk.location}/${segmentName(segment.number)}`;
  }
}
