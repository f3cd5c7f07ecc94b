/**
 * The bytes of a pack file: docs/format.md, "Packs". Little-endian throughout.
 *
 *     header     16  magic (8) | variant (4) | zero (4)
 *     blocks         stored blocks, back to back
 *     directory  28  for each block, in the same order:
 *                    start of the score (20) | offset (4) | stored length (2) | kind (1) | codec (1)
 *     trailer    48  directory offset (4) | entry count (4) | checksum (32) | magic (8)
 *
 * Packs of the first version have the whole score in an entry of 40 bytes. They
 * are read for ever, and written no more.
 *
 * A directory locates blocks and proves none: 160 bits of a score tell where to
 * look, and whoever reads a block compares all 256 that its pointer has.
 *
 * The checksum is the plain BLAKE3 of the directory followed by the first 8
 * bytes of the trailer. Nothing in a pack depends on time or chance, so that
 * storing the same blocks again makes the same file. Only when a blob of that
 * name exists and is not that file, the variant counts up to get another name.
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import { KEY_LENGTH } from "../index/entry.ts";
import type { IndexEntries } from "../index/score_index.ts";
import { isBlockKind, type PlainHash } from "../score.ts";

/** Bytes before the first block. */
export const HEADER_LENGTH: number = 8 + 4 + 4;
/** Bytes of a directory entry behind what it has of the score. */
const PLACE_LENGTH: number = 4 + 2 + 1 + 1;
/** Bytes of a directory entry. */
export const ENTRY_LENGTH: number = KEY_LENGTH + PLACE_LENGTH;
/** Bytes behind the directory. */
export const TRAILER_LENGTH: number = 4 + 4 + 32 + 8;
/**
 * Most bytes of a pack, unless told otherwise. A checkpoint of 256 MiB, with its
 * pointer blocks and directories, is 13 such packs and a root: 57,344 puts for
 * 1 TiB, and less than 70,000 down to checkpoints of 150 MB.
 */
export const PACK_BYTES_MAX: number = 20 * 1024 * 1024;
/** Most blocks in a pack. */
export const PACK_ENTRIES_MAX = 65_536;

const CHECKSUM_LENGTH = 32;
const Header = { magic: 0, variant: 8 } as const;
/** Of an entry, behind what it has of the score. */
const Entry = { offset: 0, length: 4, kind: 6, codec: 7 } as const;
const Trailer = { offset: 0, count: 4, checksum: 8, magic: 40 } as const;

/** What differs between versions of packs. */
export interface PackLayout {
  /** What the file begins with. */
  readonly headMagic: Uint8Array;
  /** What it ends with. */
  readonly endMagic: Uint8Array;
  /** Bytes of the score in an entry; of a whole one the first 20 are used. */
  readonly scoreLength: number;
  /** Bytes of an entry. */
  readonly entryLength: number;
}

/** How packs are written. */
const LAYOUT: PackLayout = layoutOf(2, KEY_LENGTH);
/** How packs may be, the newest version first. */
export const PACK_LAYOUTS: readonly PackLayout[] = [
  LAYOUT,
  layoutOf(1, 32),
];

/** A directory entry. */
export interface PackEntry {
  /** The first 20 bytes of the block's score. */
  readonly key: Uint8Array;
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
  /** How their entries are laid out. */
  readonly layout: PackLayout;
}

/** The directory of a pack in parallel arrays: entries of an index, with their kinds. */
export interface PackDirectory extends IndexEntries {
  /** A `BlockKind` each. */
  readonly kinds: Uint8Array;
}

/** Writes the header at the begin of `pack`. */
export function encodeHeader(pack: Uint8Array, variant: number): void {
  pack.fill(0, 0, HEADER_LENGTH);
  pack.set(LAYOUT.headMagic, Header.magic);
  viewOf(pack).setUint32(Header.variant, variant, true);
}

/** Writes an entry at `at` of `target`. */
export function encodeEntry(
  target: Uint8Array,
  at: number,
  entry: PackEntry,
): void {
  const view = viewOf(target);
  target.set(entry.key, at);
  const rest = at + KEY_LENGTH;
  view.setUint32(rest + Entry.offset, entry.offset, true);
  view.setUint16(rest + Entry.length, entry.length, true);
  target[rest + Entry.kind] = entry.kind;
  target[rest + Entry.codec] = entry.codec;
}

/** Reads the entry at `at` of `source`; its key is borrowed from there. */
export function decodeEntry(
  source: Uint8Array,
  at: number,
  { scoreLength }: PackLayout,
): PackEntry {
  const view = viewOf(source);
  const rest = at + scoreLength;
  return {
    key: source.subarray(at, at + KEY_LENGTH),
    offset: view.getUint32(rest + Entry.offset, true),
    length: view.getUint16(rest + Entry.length, true),
    kind: source[rest + Entry.kind] as number,
    codec: source[rest + Entry.codec] as number,
  };
}

/** Writes the trailer behind the directory that `pack` holds already. */
export function encodeTrailer(
  pack: Uint8Array,
  trailer: Omit<PackTrailer, "layout">,
  hash: PlainHash,
): void {
  const { directoryOffset, entryCount } = trailer;
  const at = directoryOffset + entryCount * ENTRY_LENGTH;
  const view = viewOf(pack);
  view.setUint32(at + Trailer.offset, directoryOffset, true);
  view.setUint32(at + Trailer.count, entryCount, true);
  const checksum = hash(pack.subarray(directoryOffset, at + Trailer.checksum));
  pack.set(checksum, at + Trailer.checksum);
  pack.set(LAYOUT.endMagic, at + Trailer.magic);
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
  const magic = tail.subarray(at + Trailer.magic);
  const layout = PACK_LAYOUTS.find((it) => startsWith(magic, it.endMagic));
  if (layout === undefined) {
    return "it does not end as a pack of a known version does";
  }
  const view = viewOf(tail);
  const directoryOffset = view.getUint32(at + Trailer.offset, true);
  const entryCount = view.getUint32(at + Trailer.count, true);
  const end = directoryOffset + entryCount * layout.entryLength +
    TRAILER_LENGTH;
  if (directoryOffset < HEADER_LENGTH || end !== size) {
    return `its trailer tells of ${end} bytes, it has ${size}`;
  }
  return { directoryOffset, entryCount, layout };
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
  const end = trailer.entryCount * trailer.layout.entryLength;
  const checksum = bytes.subarray(
    end + Trailer.checksum,
    end + Trailer.checksum + CHECKSUM_LENGTH,
  );
  if (!startsWith(hash(bytes.subarray(0, end + Trailer.checksum)), checksum)) {
    return "its directory does not match its checksum";
  }
  const directory = decodeEntries(bytes, trailer.entryCount, trailer.layout);
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
  { scoreLength, entryLength }: PackLayout = LAYOUT,
): PackDirectory {
  const view = viewOf(bytes);
  const keys = new Uint8Array(count * KEY_LENGTH);
  const offsets = new Uint32Array(count);
  const lengths = new Uint16Array(count);
  const codecs = new Uint8Array(count);
  const kinds = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const at = i * entryLength;
    for (let byte = 0; byte < KEY_LENGTH; byte++) {
      keys[i * KEY_LENGTH + byte] = bytes[at + byte]!;
    }
    const rest = at + scoreLength;
    offsets[i] = view.getUint32(rest + Entry.offset, true);
    lengths[i] = view.getUint16(rest + Entry.length, true);
    kinds[i] = bytes[rest + Entry.kind]!;
    codecs[i] = bytes[rest + Entry.codec]!;
  }
  return { count, keys, offsets, lengths, codecs, kinds };
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

/**
 * False for nearly all bytes that are no entry: to be asked first where entries
 * are sought in millions of places.
 */
export function mayBeEntry(
  source: Uint8Array,
  at: number,
  { scoreLength }: PackLayout,
): boolean {
  const place = at + scoreLength;
  const length = source[place + Entry.length]! |
    source[place + Entry.length + 1]! << 8;
  return length >= 1 && length <= BLOCK_SIZE &&
    isBlockKind(source[place + Entry.kind]!);
}

/** Entries as a directory, copied. */
export function directoryOf(entries: readonly PackEntry[]): PackDirectory {
  const count = entries.length;
  const keys = new Uint8Array(count * KEY_LENGTH);
  entries.forEach((entry, i) => keys.set(entry.key, i * KEY_LENGTH));
  return {
    count,
    keys,
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
      key: keyAt(directory, i),
      offset: directory.offsets[i] as number,
      length: directory.lengths[i] as number,
      kind: directory.kinds[i] as number,
      codec: directory.codecs[i] as number,
    });
  }
  return directoryOf(kept);
}

/** The first 20 bytes of the score of the `i`-th block, borrowed. */
export function keyAt({ keys }: IndexEntries, i: number): Uint8Array {
  return keys.subarray(i * KEY_LENGTH, (i + 1) * KEY_LENGTH);
}

function layoutOf(version: number, scoreLength: number): PackLayout {
  return {
    headMagic: new TextEncoder().encode(`DSPACK${version}\n`),
    endMagic: new TextEncoder().encode(`DSPKEND${version}`),
    scoreLength,
    entryLength: scoreLength + PLACE_LENGTH,
  };
}

/** How a file is laid out, by what it begins with; undefined where it begins as no pack does. */
export function layoutByHead(file: Uint8Array): PackLayout | undefined {
  return PACK_LAYOUTS.find(({ headMagic }) => startsWith(file, headMagic));
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length &&
    start.every((byte, i) => bytes[i] === byte);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
