/**
 * Every byte of a journal segment; docs/format.md has the same in words.
 *
 * ```
 * segment   4096: segment header, then batches
 * batch     64: batch header, then records, zeros to a multiple of 4096
 * record    24: record header, then its payload
 * ```
 *
 * Numbers are little-endian. A batch begins at a multiple of 4096 so that no
 * later write touches a physical sector with acknowledged bytes.
 *
 * @module
 */

import { fromHex } from "../bytes.ts";

/** What batches are aligned to, and the size of the segment header. */
export const BATCH_ALIGNMENT = 4096;
/** Bytes before a batch's first record. */
export const BATCH_HEADER_LENGTH: number = 8 + 8 + 8 + 4 + 4 + 8 + 16 + 8;
/** Bytes before a record's payload. */
export const RECORD_HEADER_LENGTH: number = 4 + 4 + 8 + 4 + 4;
/** Bytes of a checksum. */
export const CHECKSUM_LENGTH = 8;
/** Bytes of the random number that sets a segment's checksums apart. */
export const NONCE_LENGTH = 16;
/** The journal's format. */
const JOURNAL_VERSION = 1;

const SEGMENT_MAGIC = 0x4c4e524a464c4853n; // "SHLFJRNL"
const BATCH_MAGIC = 0x48435442464c4853n; // "SHLFBTCH"

/** Where the fields of a segment header are. */
const Segment = {
  magic: 0,
  version: 8,
  number: 16,
  archiveId: 24,
  stateId: 40,
  epoch: 56,
  nonce: 64,
  checksum: 80,
} as const;

/** Where the fields of a batch header are. */
export const Batch = {
  magic: 0,
  segmentNumber: 8,
  sequence: 16,
  length: 24,
  recordCount: 28,
  previousChecksum: 32,
  reserved: 40,
  checksum: 56,
} as const;

/** Where the fields of a record header are. */
export const Record = {
  type: 0,
  volumeNumber: 4,
  /** A write's first sector, or an opened volume's root sequence. */
  position: 8,
  /** A write's sectors, or the bytes of an opened volume's name. */
  count: 16,
  reserved: 20,
} as const;

/** What a record is. */
export const RecordType = {
  /** `volumeNumber` means this volume in this batch. */
  OpenVolume: 1,
  /** Sectors of a volume. */
  Write: 2,
} as const;

/** Where the fields of an open-volume record's payload are. */
export const OpenVolume = { volumeId: 0, writerId: 16, name: 32 } as const;

/** What a segment says of itself. */
export interface SegmentHeader {
  /** Its number; its name has the same in 16 digits. */
  readonly number: number;
  /** The archive it belongs to, 32 hexadecimal digits. */
  readonly archiveId: string;
  /** The state directory that wrote it, 32 hexadecimal digits. */
  readonly stateId: string;
  /** The writer's claim under which it was written. */
  readonly epoch: number;
  /** Goes into the checksum of each batch. A client cannot know it. */
  readonly nonce: Uint8Array;
}

/** Makes the checksum of some byte ranges, 8 bytes. */
export type Checksum = (...ranges: readonly Uint8Array[]) => Uint8Array;

/** The name of a segment's file. */
export function segmentName(number: number): string {
  return String(number).padStart(16, "0");
}

/** The number in a segment's name; undefined for any other name. */
export function parseSegmentName(name: string): number | undefined {
  return /^\d{16}$/.test(name) ? Number(name) : undefined;
}

/** The first 4096 bytes of a segment. */
export function encodeSegmentHeader(
  header: SegmentHeader,
  checksum: Checksum,
): Uint8Array {
  const bytes = new Uint8Array(BATCH_ALIGNMENT);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(Segment.magic, SEGMENT_MAGIC, true);
  view.setUint32(Segment.version, JOURNAL_VERSION, true);
  view.setBigUint64(Segment.number, BigInt(header.number), true);
  bytes.set(fromHex(header.archiveId), Segment.archiveId);
  bytes.set(fromHex(header.stateId), Segment.stateId);
  view.setBigUint64(Segment.epoch, BigInt(header.epoch), true);
  bytes.set(header.nonce, Segment.nonce);
  bytes.set(
    checksum(bytes.subarray(0, Segment.checksum)),
    Segment.checksum,
  );
  return bytes;
}

/** Reads a segment header; or says in half a sentence what is wrong with it. */
export function decodeSegmentHeader(
  bytes: Uint8Array,
  checksum: Checksum,
): SegmentHeader | string {
  if (bytes.length < BATCH_ALIGNMENT) return "it ends within its header";
  const view = viewOf(bytes);
  if (view.getBigUint64(Segment.magic, true) !== SEGMENT_MAGIC) {
    return "it does not begin as a journal segment";
  }
  const version = view.getUint32(Segment.version, true);
  if (version !== JOURNAL_VERSION) {
    return `it has format version ${version} and this program knows ${JOURNAL_VERSION}`;
  }
  const expected = checksum(bytes.subarray(0, Segment.checksum));
  if (!equalAt(bytes, Segment.checksum, expected)) {
    return "its header does not match its checksum";
  }
  return headerFields(bytes);
}

/** What a segment says of itself, unverified; undefined where its header is cut off. */
export function segmentIdentity(bytes: Uint8Array): SegmentHeader | undefined {
  return bytes.length < BATCH_ALIGNMENT ? undefined : headerFields(bytes);
}

function headerFields(bytes: Uint8Array): SegmentHeader {
  const view = viewOf(bytes);
  function field(start: number, length: number): Uint8Array {
    return bytes.slice(start, start + length);
  }
  return {
    number: readNumber(view, Segment.number),
    archiveId: field(Segment.archiveId, 16).toHex(),
    stateId: field(Segment.stateId, 16).toHex(),
    epoch: readNumber(view, Segment.epoch),
    nonce: field(Segment.nonce, NONCE_LENGTH),
  };
}

/**
 * The state id in a segment's first bytes, unverified; undefined when they are
 * no segment's. It tells whose a journal is when nothing else does any more.
 */
export function stateIdOfSegment(bytes: Uint8Array): string | undefined {
  if (bytes.length < BATCH_ALIGNMENT) return undefined;
  if (viewOf(bytes).getBigUint64(Segment.magic, true) !== SEGMENT_MAGIC) {
    return undefined;
  }
  return bytes.slice(Segment.stateId, Segment.stateId + 16).toHex();
}

/** What goes into a batch's header beside its own records. */
export interface BatchSeal {
  /** The segment it will stand in. */
  readonly segment: { readonly number: number; readonly nonce: Uint8Array };
  /** Counts batches over all segments. */
  readonly sequence: number;
  /** The checksum of the batch before, zeros for the first of all. */
  readonly previousChecksum: Uint8Array;
}

/** Writes the header over `batch` (header, records, padding); returns the checksum. */
export function sealBatch(
  batch: Uint8Array,
  recordCount: number,
  seal: BatchSeal,
  checksum: Checksum,
): Uint8Array {
  const view = viewOf(batch);
  view.setBigUint64(Batch.magic, BATCH_MAGIC, true);
  view.setBigUint64(Batch.segmentNumber, BigInt(seal.segment.number), true);
  view.setBigUint64(Batch.sequence, BigInt(seal.sequence), true);
  view.setUint32(Batch.length, batch.length, true);
  view.setUint32(Batch.recordCount, recordCount, true);
  batch.set(seal.previousChecksum, Batch.previousChecksum);
  batch.fill(0, Batch.reserved, Batch.checksum);
  const sum = checksumOf(batch, seal.segment.nonce, checksum);
  batch.set(sum, Batch.checksum);
  return sum;
}

/** True if a batch may begin here: cheap, and proof of nothing. */
export function looksLikeBatch(bytes: Uint8Array, segment: number): boolean {
  if (bytes.length < BATCH_HEADER_LENGTH) return false;
  const view = viewOf(bytes);
  const length = view.getUint32(Batch.length, true);
  return view.getBigUint64(Batch.magic, true) === BATCH_MAGIC &&
    view.getBigUint64(Batch.segmentNumber, true) === BigInt(segment) &&
    length >= BATCH_ALIGNMENT && length % BATCH_ALIGNMENT === 0;
}

/** The length in the header of what looks like a batch. */
export function batchLength(bytes: Uint8Array): number {
  return viewOf(bytes).getUint32(Batch.length, true);
}

/** The sequence of a batch. */
export function batchSequence(bytes: Uint8Array): number {
  return readNumber(viewOf(bytes), Batch.sequence);
}

/** True if this whole batch is as it was written to the segment with this nonce. */
export function verifyBatch(
  batch: Uint8Array,
  nonce: Uint8Array,
  checksum: Checksum,
): boolean {
  return equalAt(batch, Batch.checksum, checksumOf(batch, nonce, checksum));
}

/** True if `expected` stands in `bytes` at `offset`. */
export function equalAt(
  bytes: Uint8Array,
  offset: number,
  expected: Uint8Array,
): boolean {
  return expected.every((byte, index) => bytes[offset + index] === byte);
}

/** A 64-bit number that is known to be a safe integer in a sound file. */
export function readNumber(view: DataView, offset: number): number {
  return Number(view.getBigUint64(offset, true));
}

/** The same bytes as numbers. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function checksumOf(
  batch: Uint8Array,
  nonce: Uint8Array,
  checksum: Checksum,
): Uint8Array {
  return checksum(
    nonce,
    batch.subarray(0, Batch.checksum),
    batch.subarray(BATCH_HEADER_LENGTH),
  );
}
