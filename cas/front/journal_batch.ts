/**
 * One batch of the journal while it gathers: writes are copied from the frame
 * straight to their place in it.
 *
 * A batch says by itself which volumes its numbers mean, so that it can be
 * written to another segment as it is, and salvaged alone.
 *
 * @module
 */

import { alignedBytes } from "../disk/direct_writer.ts";
import {
  BATCH_ALIGNMENT,
  BATCH_HEADER_LENGTH,
  type BatchSeal,
  type Checksum,
  OpenVolume,
  Record,
  RECORD_HEADER_LENGTH,
  RecordType,
  sealBatch,
} from "./journal_format.ts";
import { fromHex } from "../bytes.ts";

const SECTOR_SIZE = 512;

/** What the journal says of a volume in each batch that writes to it. */
export interface JournalVolume {
  /** Short for the volume, in this process. */
  readonly number: number;
  /** The volume's name. */
  readonly name: string;
  /** The volume's id, 32 hexadecimal digits. */
  readonly volumeId: string;
  /** Sequence of the root on which the writes stand. */
  readonly baseSequence: number;
  /** Who wrote that root, 32 hexadecimal digits. */
  readonly baseWriterId: string;
}

/** A write to a volume. */
export interface JournalWrite {
  /** First sector. */
  readonly lba: number;
  /** How many. */
  readonly sectorCount: number;
}

/** A batch, ready to be written. */
export interface SealedBatch {
  /** All of it: whole multiples of 4096 bytes. */
  readonly bytes: Uint8Array;
  /** Its checksum, which the next one repeats. */
  readonly checksum: Uint8Array;
}

/** A reusable buffer for one batch. */
export class JournalBatch {
  /** The newest ticket in it. */
  lastTicket = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #declared: Set<number> = new Set();
  #used: number = BATCH_HEADER_LENGTH;
  #recordCount = 0;

  /** Allocates the buffer: `byteCountMax` is a multiple of 4096. */
  constructor(byteCountMax: number) {
    this.#bytes = alignedBytes(byteCountMax);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** True if nothing is in it. */
  get empty(): boolean {
    return this.#recordCount === 0;
  }

  /** Bytes it takes in a segment. */
  get byteCount(): number {
    return Math.ceil(this.#used / BATCH_ALIGNMENT) * BATCH_ALIGNMENT;
  }

  /** Forgets everything. */
  clear(): void {
    this.#declared.clear();
    this.#used = BATCH_HEADER_LENGTH;
    this.#recordCount = 0;
  }

  /** Copies a write in; false, taking nothing, when there is no room. */
  append(
    volume: JournalVolume,
    write: JournalWrite,
    from: Uint8Array,
    offset: number,
    ticket: number,
  ): boolean {
    const length = write.sectorCount * SECTOR_SIZE;
    const needed = RECORD_HEADER_LENGTH + length;
    if (!this.#declare(volume, needed)) return false;
    if (this.#used + needed > this.#bytes.length) return false;
    this.#putHeader(
      RecordType.Write,
      volume.number,
      write.lba,
      write.sectorCount,
    );
    this.#bytes.set(from.subarray(offset, offset + length), this.#used);
    this.#used += length;
    this.lastTicket = ticket;
    return true;
  }

  /** Finishes the bytes for a place in a segment; again for another place. */
  seal(seal: BatchSeal, checksum: Checksum): SealedBatch {
    const bytes = this.#bytes.subarray(0, this.byteCount);
    bytes.fill(0, this.#used);
    return {
      bytes,
      checksum: sealBatch(bytes, this.#recordCount, seal, checksum),
    };
  }

  #declare(volume: JournalVolume, roomAfter: number): boolean {
    if (this.#declared.has(volume.number)) return true;
    const name = new TextEncoder().encode(volume.name);
    const needed = RECORD_HEADER_LENGTH + OpenVolume.name +
      paddedNameLength(name.length);
    if (this.#used + needed + roomAfter > this.#bytes.length) return false;
    this.#putHeader(
      RecordType.OpenVolume,
      volume.number,
      volume.baseSequence,
      name.length,
    );
    const payload = this.#used;
    this.#bytes.fill(0, payload, payload + needed - RECORD_HEADER_LENGTH);
    this.#bytes.set(
      fromHex(volume.volumeId),
      payload + OpenVolume.volumeId,
    );
    this.#bytes.set(
      fromHex(volume.baseWriterId),
      payload + OpenVolume.writerId,
    );
    this.#bytes.set(name, payload + OpenVolume.name);
    this.#used += needed - RECORD_HEADER_LENGTH;
    this.#declared.add(volume.number);
    return true;
  }

  #putHeader(
    type: number,
    volumeNumber: number,
    position: number,
    count: number,
  ): void {
    const at = this.#used;
    const view = this.#view;
    view.setUint32(at + Record.type, type, true);
    view.setUint32(at + Record.volumeNumber, volumeNumber, true);
    // Two halves: a bigint would be an allocation for every write.
    view.setUint32(at + Record.position, position >>> 0, true);
    const high = Math.floor(position / 2 ** 32);
    view.setUint32(at + Record.position + 4, high, true);
    view.setUint32(at + Record.count, count, true);
    view.setUint32(at + Record.reserved, 0, true);
    this.#used += RECORD_HEADER_LENGTH;
    this.#recordCount++;
  }
}

/** Bytes that a name of `length` bytes takes in its record. */
export function paddedNameLength(length: number): number {
  return Math.ceil(length / 8) * 8;
}

/** Bytes that a journal takes at least while so many sectors were written into it one by one. */
export function leastJournalBytes(sectorCount: number): number {
  const records = sectorCount * (RECORD_HEADER_LENGTH + SECTOR_SIZE);
  const batches = Math.ceil((BATCH_HEADER_LENGTH + records) / BATCH_ALIGNMENT);
  // The segment's header, these, and the batch that gathers.
  return (batches + 2) * BATCH_ALIGNMENT;
}
