/**
 * The bytes of a pack file: docs/format.md, "Packs". Little-endian throughout.
 *
 *     header     16  magic (8) | variant (4) | zero (4)
 *     blocks         stored blocks, back to back
 *     directory  40  for each block, in the same order:
 *                    score (32) | offset (4) | stored length (2) | kind (1) | codec (1)
 *     trailer    48  directory offset (4) | entry count (4) | checksum (32) | magic (8)
 *
 * The checksum is the plain BLAKE3 of the directory followed by the first 8
 * bytes of the trailer. Nothing in a pack depends on time or chance, so that
 * storing the same blocks again makes the same file. Only when a blob of that
 * name exists and is not that file, the variant counts up to get another name.
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import { SCORE_LENGTH } from "../block_store.ts";
import type { IndexEntries } from "../index/score_index.ts";
import { isBlockKind, type PlainHash } from "../score.ts";

/** Bytes before the first block. */
export const HEADER_LENGTH: number = 8 + 4 + 4;
/** Bytes of a directory entry. */
export const ENTRY_LENGTH: number = 32 + 4 + 2 + 1 + 1;
/** Bytes behind the directory. */
export const TRAILER_LENGTH: number = 4 + 4 + 32 + 8;
/**
 * Most bytes of a pack, unless told otherwise. A checkpoint of 256 MiB, with its
 * pointer blocks and directories, is 14 such packs and a root: 61,440 puts for
 * 1 TiB, and less than 70,000 down to checkpoints of 150 MB.
 */
export const PACK_BYTES_MAX: number = 20 * 1024 * 1024;
/** Most blocks in a pack. */
export const PACK_ENTRIES_MAX = 65_536;

const HEADER_MAGIC = new TextEncoder().encode("DSPACK1\n");
const TRAILER_MAGIC = new TextEncoder().encode("DSPKEND1");
const Header = { magic: 0, variant: 8 } as const;
const Entry = {
  score: 0,
  offset: 32,
  length: 36,
  kind: 38,
  codec: 39,
} as const;
const Trailer = { offset: 0, count: 4, checksum: 8, magic: 40 } as const;

/** A directory entry. */
export interface PackEntry {
  /** The block's score, 32 bytes. */
  readonly score: Uint8Array;
  /** First byte within the pack. */
  readonly offset: number;
  /** Stored bytes. */
  readonly length: number;
  /** A `BlockKind`. */
  readonly kind: number;
  /** A `Codec`. */
  readonly codec: number;
}

/** What an entry has that can be implausible. */
type EntryPlace = Pick<PackEntry, "offset" | "length" | "kind">;

/** What lies between header and trailer. */
export interface PackTrailer {
  /** Where the blocks end and the directory begins. */
  readonly directoryOffset: number;
  /** How many blocks there are. */
  readonly entryCount: number;
}

/** The directory of a pack in parallel arrays: entries of an index, with their kinds. */
export interface PackDirectory extends IndexEntries {
  /** A `BlockKind` each. */
  readonly kinds: Uint8Array;
}

/** Writes the header at the begin of `pack`. */
export function encodeHeader(pack: Uint8Array, variant: number): void {
  pack.fill(0, 0, HEADER_LENGTH);
  pack.set(HEADER_MAGIC, Header.magic);
  viewOf(pack).setUint32(Header.variant, variant, true);
}

/** Writes an entry at `at` of `target`. */
export function encodeEntry(
  target: Uint8Array,
  at: number,
  entry: PackEntry,
): void {
  const view = viewOf(target);
  target.set(entry.score, at + Entry.score);
  view.setUint32(at + Entry.offset, entry.offset, true);
  view.setUint16(at + Entry.length, entry.length, true);
  target[at + Entry.kind] = entry.kind;
  target[at + Entry.codec] = entry.codec;
}

/** Reads the entry at `at` of `source`; its score is borrowed from there. */
export function decodeEntry(source: Uint8Array, at: number): PackEntry {
  const view = viewOf(source);
  return {
    score: source.subarray(at + Entry.score, at + Entry.score + SCORE_LENGTH),
    offset: view.getUint32(at + Entry.offset, true),
    length: view.getUint16(at + Entry.length, true),
    kind: source[at + Entry.kind] as number,
    codec: source[at + Entry.codec] as number,
  };
}

/** Writes the trailer behind the directory that `pack` holds already. */
export function encodeTrailer(
  pack: Uint8Array,
  trailer: PackTrailer,
  hash: PlainHash,
): void {
  const { directoryOffset, entryCount } = trailer;
  const at = directoryOffset + entryCount * ENTRY_LENGTH;
  const view = viewOf(pack);
  view.setUint32(at + Trailer.offset, directoryOffset, true);
  view.setUint32(at + Trailer.count, entryCount, true);
  const checksum = hash(pack.subarray(directoryOffset, at + Trailer.checksum));
  pack.set(checksum, at + Trailer.checksum);
  pack.set(TRAILER_MAGIC, at + Trailer.magic);
}

/**
 * Reads the trailer at the end of `tail`, the last bytes of a pack file of
 * `size` bytes; as a string, what is wrong with it.
 */
export function decodeTrailer(
  tail: Uint8Array,
  size: number,
): PackTrailer | string {
  if (tail.length < TRAILER_LENGTH) return `it has only ${size} bytes`;
  const at = tail.length - TRAILER_LENGTH;
  if (!startsWith(tail.subarray(at + Trailer.magic), TRAILER_MAGIC)) {
    return "it does not end as a pack does";
  }
  const view = viewOf(tail);
  const directoryOffset = view.getUint32(at + Trailer.offset, true);
  const entryCount = view.getUint32(at + Trailer.count, true);
  const end = directoryOffset + entryCount * ENTRY_LENGTH + TRAILER_LENGTH;
  if (directoryOffset < HEADER_LENGTH || end !== size) {
    return `its trailer tells of ${end} bytes, it has ${size}`;
  }
  return { directoryOffset, entryCount };
}

/**
 * Reads a directory; `bytes` are directory and trailer. As a string, what is
 * wrong with it.
 */
export function decodeDirectory(
  bytes: Uint8Array,
  trailer: PackTrailer,
  hash: PlainHash,
): PackDirectory | string {
  const end = trailer.entryCount * ENTRY_LENGTH;
  const checksum = bytes.subarray(
    end + Trailer.checksum,
    end + Trailer.checksum + SCORE_LENGTH,
  );
  if (!startsWith(hash(bytes.subarray(0, end + Trailer.checksum)), checksum)) {
    return "its directory does not match its checksum";
  }
  const directory = decodeEntries(bytes, trailer.entryCount);
  for (let i = 0; i < directory.count; i++) {
    const entry = placeAt(directory, i);
    if (isPlausible(entry, trailer.directoryOffset)) continue;
    return `its directory tells of a block of kind ${entry.kind}, ` +
      `${entry.length} bytes at ${entry.offset}`;
  }
  return directory;
}

/** Reads the first entries of `bytes`, copied. */
export function decodeEntries(
  bytes: Uint8Array,
  count: number,
): PackDirectory {
  const view = viewOf(bytes);
  const scores = new Uint8Array(count * SCORE_LENGTH);
  const offsets = new Uint32Array(count);
  const lengths = new Uint16Array(count);
  const codecs = new Uint8Array(count);
  const kinds = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const at = i * ENTRY_LENGTH;
    for (let byte = 0; byte < SCORE_LENGTH; byte++) {
      scores[i * SCORE_LENGTH + byte] = bytes[at + Entry.score + byte]!;
    }
    offsets[i] = view.getUint32(at + Entry.offset, true);
    lengths[i] = view.getUint16(at + Entry.length, true);
    kinds[i] = bytes[at + Entry.kind]!;
    codecs[i] = bytes[at + Entry.codec]!;
  }
  return { count, scores, offsets, lengths, codecs, kinds };
}

function placeAt(directory: PackDirectory, i: number): EntryPlace {
  return {
    offset: directory.offsets[i]!,
    length: directory.lengths[i]!,
    kind: directory.kinds[i]!,
  };
}

/** True if an entry is of a known kind and its bytes can lie among blocks that end at `blocksEnd`. */
export function isPlausible(entry: EntryPlace, blocksEnd: number): boolean {
  return isBlockKind(entry.kind) && entry.length >= 1 &&
    entry.length <= BLOCK_SIZE &&
    entry.offset >= HEADER_LENGTH && entry.offset + entry.length <= blocksEnd;
}

/** Entries as a directory, copied. */
export function directoryOf(entries: readonly PackEntry[]): PackDirectory {
  const count = entries.length;
  const scores = new Uint8Array(count * SCORE_LENGTH);
  entries.forEach((entry, i) => scores.set(entry.score, i * SCORE_LENGTH));
  return {
    count,
    scores,
    offsets: Uint32Array.from(entries, (entry) => entry.offset),
    lengths: Uint16Array.from(entries, (entry) => entry.length),
    codecs: Uint8Array.from(entries, (entry) => entry.codec),
    kinds: Uint8Array.from(entries, (entry) => entry.kind),
  };
}

/** Those entries of a directory that `keep` wants. */
export function filterDirectory(
  directory: PackDirectory,
  keep: (position: number) => boolean,
): PackDirectory {
  const kept: PackEntry[] = [];
  for (let i = 0; i < directory.count; i++) {
    if (!keep(i)) continue;
    kept.push({
      score: directory.scores.subarray(
        i * SCORE_LENGTH,
        (i + 1) * SCORE_LENGTH,
      ),
      offset: directory.offsets[i] as number,
      length: directory.lengths[i] as number,
      kind: directory.kinds[i] as number,
      codec: directory.codecs[i] as number,
    });
  }
  return directoryOf(kept);
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length &&
    start.every((byte, i) => bytes[i] === byte);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
