/**
 * The bytes of an index copy: docs/format.md, "Index copies". Little-endian
 * throughout.
 *
 *     header    16  magic (8) | variant (4) | count of packs (4)
 *     packs     40  for each: name (32) | bytes of its file (4) | count of its blocks (4)
 *     checksum  32  plain BLAKE3 of all bytes before
 *     blocks    22  for each pack, for each block: start of the score (20) | extent (2)
 *
 * Offsets are not stored: blocks lie back to back in a pack.
 *
 * @module
 */

import { KEY_LENGTH } from "../index/entry.ts";
import type { IndexEntries } from "../index/score_index.ts";
import type { PlainHash } from "../score.ts";
import {
  HEADER_LENGTH,
  keyAt,
  PACK_LAYOUTS,
  TRAILER_LENGTH,
} from "./pack_format.ts";

/** Most bytes of a copy: it is held in memory as a whole, as packs are. */
export const COPY_BYTES_MAX: number = 16 * 1024 * 1024;
/** Most packs of a copy. */
export const COPY_PACKS_MAX = 128;

/** What a copy begins with; the last character is the version. */
export const COPY_MAGIC = "DSINDEX1";
const MAGIC = new TextEncoder().encode(COPY_MAGIC);
const Head = { magic: 0, variant: 8, packCount: 12, packs: 16 } as const;
const Pack = { name: 0, size: 32, count: 36 } as const;
const PACK_LENGTH = 40;
const CHECKSUM_LENGTH = 32;
const Block = { key: 0, extent: KEY_LENGTH } as const;
const BLOCK_LENGTH: number = KEY_LENGTH + 2;
const LENGTH_BITS = 12;
const LENGTH_MASK: number = 2 ** LENGTH_BITS - 1;
const CODEC_MAX = 15;

/** Most bytes of a head. */
export const COPY_HEAD_BYTES_MAX: number = headLength(COPY_PACKS_MAX);

/** A pack as a copy is made of it. */
export interface CopiedPack {
  /** Its name, 64 hexadecimal digits. */
  readonly name: string;
  /** Bytes of its file. */
  readonly size: number;
  /** Its blocks as they stand in a copy. */
  readonly blocks: Uint8Array;
}

/** A pack in the head of a copy. */
export interface CopySection {
  /** Its name, 64 hexadecimal digits. */
  readonly name: string;
  /** Bytes of its file. */
  readonly size: number;
  /** How many blocks. */
  readonly count: number;
  /** Where they begin in the copy. */
  readonly start: number;
}

/** Most blocks of a copy of so many bytes. */
export function copiedBlocksMax(size: number): number {
  return Math.floor(Math.min(size, COPY_BYTES_MAX) / BLOCK_LENGTH);
}

/** The blocks of a pack as they stand in a copy; undefined where they do not lie as a copy can say. */
export function encodeBlocks(
  entries: IndexEntries,
  size: number,
): Uint8Array | undefined {
  const { count, offsets, lengths, codecs } = entries;
  const blocks = new Uint8Array(count * BLOCK_LENGTH);
  const view = new DataView(blocks.buffer);
  let end = HEADER_LENGTH;
  for (let i = 0; i < count; i++) {
    const length = lengths[i] as number;
    const codec = codecs[i] as number;
    if (offsets[i] !== end || codec > CODEC_MAX) return undefined;
    end += length;
    const at = i * BLOCK_LENGTH;
    blocks.set(keyAt(entries, i), at + Block.key);
    view.setUint16(at + Block.extent, length - 1 | codec << LENGTH_BITS, true);
  }
  return isPackSize(size, end, count) ? blocks : undefined;
}

/** A whole copy. */
export function encodeCopy(
  packs: readonly CopiedPack[],
  variant: number,
  hash: PlainHash,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(copyLength(packs));
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, Head.magic);
  view.setUint32(Head.variant, variant, true);
  view.setUint32(Head.packCount, packs.length, true);
  let at: number = headLength(packs.length);
  packs.forEach(({ name, size, blocks }, i) => {
    const entry = Head.packs + i * PACK_LENGTH;
    bytes.set(Uint8Array.fromHex(name), entry + Pack.name);
    view.setUint32(entry + Pack.size, size, true);
    view.setUint32(entry + Pack.count, blocks.length / BLOCK_LENGTH, true);
    bytes.set(blocks, at);
    at += blocks.length;
  });
  const checked = headLength(packs.length) - CHECKSUM_LENGTH;
  bytes.set(hash(bytes.subarray(0, checked)), checked);
  return bytes;
}

/** Bytes of a copy of these packs. */
export function copyLength(packs: readonly CopiedPack[]): number {
  return packs.reduce(
    (sum, { blocks }) => sum + blocks.length,
    headLength(packs.length),
  );
}

/**
 * The packs of a copy of `size` bytes that begins with `bytes`; as a string,
 * half a sentence of what is wrong with it.
 */
export function decodeCopyHead(
  bytes: Uint8Array,
  size: number,
  hash: PlainHash,
): CopySection[] | string {
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) {
    return "it is of no known version";
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < Head.packs
    ? Infinity
    : headLength(view.getUint32(Head.packCount, true));
  if (length > bytes.length) {
    return `its head does not end within ${size} bytes`;
  }
  const checked = length - CHECKSUM_LENGTH;
  const checksum = hash(bytes.subarray(0, checked));
  if (checksum.some((byte, i) => bytes[checked + i] !== byte)) {
    return "its head does not match its checksum";
  }
  const sections: CopySection[] = [];
  let start = length;
  for (let at: number = Head.packs; at < checked; at += PACK_LENGTH) {
    const count = view.getUint32(at + Pack.count, true);
    sections.push({
      name: bytes.subarray(at + Pack.name, at + Pack.size).toHex(),
      size: view.getUint32(at + Pack.size, true),
      count,
      start,
    });
    start += count * BLOCK_LENGTH;
  }
  return start === size
    ? sections
    : `its head tells of ${start} bytes, it has ${size}`;
}

/**
 * The packs of a whole copy of this name, or as a string what is wrong with it.
 * All of it is verified, as far as it can be without the packs.
 */
export function decodeCopy(
  name: string,
  bytes: Uint8Array,
  hash: PlainHash,
): CopySection[] | string {
  const found = hash(bytes).toHex();
  if (found !== name) return `its hash is ${found}`;
  const sections = decodeCopyHead(bytes, bytes.length, hash);
  if (typeof sections === "string") return sections;
  const wrong = sections.find((section) =>
    !isPackSize(section.size, endOf(bytes, section), section.count)
  );
  return wrong === undefined
    ? sections
    : `its blocks are not those of pack ${wrong.name}`;
}

/** The entries of a pack in a copy that was decoded. */
export function decodeSection(
  bytes: Uint8Array,
  { count, start }: CopySection,
): IndexEntries {
  const keys = new Uint8Array(count * KEY_LENGTH);
  const offsets = new Uint32Array(count);
  const lengths = new Uint16Array(count);
  const codecs = new Uint8Array(count);
  const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const to = new DataView(keys.buffer);
  let offset = HEADER_LENGTH;
  for (let i = 0; i < count; i++) {
    const at = start + i * BLOCK_LENGTH;
    const extent = extentAt(bytes, at);
    // Word by word: views of so few bytes take longer than the bytes.
    for (let word = 0; word < KEY_LENGTH; word += 4) {
      to.setUint32(i * KEY_LENGTH + word, from.getUint32(at + word));
    }
    offsets[i] = offset;
    lengths[i] = lengthOf(extent);
    codecs[i] = extent >> LENGTH_BITS;
    offset += lengthOf(extent);
  }
  return { count, keys, offsets, lengths, codecs, unproven: true };
}

/** Where the blocks of a pack end in its file. */
function endOf(bytes: Uint8Array, { count, start }: CopySection): number {
  let end = HEADER_LENGTH;
  for (let i = 0; i < count; i++) {
    end += lengthOf(extentAt(bytes, start + i * BLOCK_LENGTH));
  }
  return end;
}

function extentAt(bytes: Uint8Array, at: number): number {
  return (bytes[at + Block.extent] as number) |
    (bytes[at + Block.extent + 1] as number) << 8;
}

function lengthOf(extent: number): number {
  return (extent & LENGTH_MASK) + 1;
}

/** True where a pack of any version with so many blocks, which end there, has this size. */
function isPackSize(size: number, blocksEnd: number, count: number): boolean {
  return PACK_LAYOUTS.some(({ entryLength }) =>
    blocksEnd + count * entryLength + TRAILER_LENGTH === size
  );
}

function headLength(packCount: number): number {
  return Head.packs + packCount * PACK_LENGTH + CHECKSUM_LENGTH;
}
