/**
 * The bytes of a run, an immutable file of index entries sorted by key. A run
 * is a cache on one machine: words are in the machine's order.
 *
 *     pages    4096 each: 127 entries (4064) | entry count (4) | page number (4) | run number (4) | zero (4) | checksum (16)
 *     tables   of the filter, one after the other, each for so many pages
 *     shapes   16 for each table: seed (4) | slots of a segment (4) | segments (4) | bits of a slot (4); all zero where there is no table
 *     fences   4 for each page: word 0 of its first key
 *     footer   64: magic (8) | run number (4) | entry count (4) | page count (4) | bytes of the tables (4)
 *                  | checksum of the checksums of each table, the shapes and the fences (16) | pages that a table is for (4) | zero (4) | checksum of the footer so far (16)
 *
 * A checksum is the first 16 bytes of a plain BLAKE3. Page and run numbers in a
 * page tell a page that was never written from the one that should be there.
 *
 * @module
 */

import { equalBytes } from "../bytes.ts";
import type { PlainHash } from "../score.ts";
import { ENTRY_WORDS } from "./entry.ts";
import { SHAPE_WORDS } from "./fuse_table.ts";

/** Bytes of a page. */
export const PAGE_LENGTH = 4096;
/** Words of a page. */
export const PAGE_WORDS: number = PAGE_LENGTH / 4;
/** Most entries of a page. */
export const PAGE_ENTRIES = 127;
/** Bytes of the footer. */
export const FOOTER_LENGTH: number = 8 + 4 + 4 + 4 + 4 + 16 + 8 + 16;

/** Bytes of a checksum. */
export const CHECKSUM_LENGTH = 16;
const PAGE_CHECKSUM_AT = PAGE_LENGTH - CHECKSUM_LENGTH;
const PageWord = {
  count: PAGE_ENTRIES * ENTRY_WORDS,
  page: PAGE_ENTRIES * ENTRY_WORDS + 1,
  run: PAGE_ENTRIES * ENTRY_WORDS + 2,
} as const;
const FooterAt = {
  magic: 0,
  run: 8,
  entries: 12,
  pages: 16,
  tableBytes: 20,
  summary: 24,
  tablePages: 40,
  checksum: 48,
} as const;
const MAGIC = new TextEncoder().encode("DSINDEX4");

/** What a footer says of its run. */
export interface RunFooter {
  /** The run's number. */
  readonly run: number;
  /** How many entries it has. */
  readonly entryCount: number;
  /** How many pages. */
  readonly pageCount: number;
  /** Bytes of the tables of its filter. */
  readonly tableBytes: number;
  /** Pages that each of them is for; the last may be for fewer. */
  readonly tablePages: number;
  /** `summaryChecksum` of tables, shapes and fences. */
  readonly summary: Uint8Array;
}

/** Where a page belongs. */
export interface PagePlace {
  /** Number of its run. */
  readonly run: number;
  /** Number of the page in it. */
  readonly page: number;
}

/** The first 16 bytes of the hash of `bytes`. */
export function checksumOf(bytes: Uint8Array, hash: PlainHash): Uint8Array {
  return hash(bytes).subarray(0, CHECKSUM_LENGTH);
}

/** The checksum of several pieces, of which these are the checksums. */
export function summaryChecksum(
  checksums: readonly Uint8Array[],
  hash: PlainHash,
): Uint8Array {
  const bytes = new Uint8Array(checksums.length * CHECKSUM_LENGTH);
  checksums.forEach((it, i) => bytes.set(it, i * CHECKSUM_LENGTH));
  return checksumOf(bytes, hash);
}

/** Completes a page that holds `count` entries: `words` are its words. */
export function sealPage(
  words: Uint32Array,
  from: PagePlace & { readonly count: number },
  hash: PlainHash,
): void {
  words.fill(0, from.count * ENTRY_WORDS);
  words[PageWord.count] = from.count;
  words[PageWord.page] = from.page;
  words[PageWord.run] = from.run;
  const bytes = bytesOf(words);
  const checksum = hash(bytes.subarray(0, PAGE_CHECKSUM_AT));
  for (let i = 0; i < CHECKSUM_LENGTH; i++) {
    bytes[PAGE_CHECKSUM_AT + i] = checksum[i] as number;
  }
}

/** Pages as they were read. */
export interface Pages {
  /** Their words. */
  readonly words: Uint32Array;
  /** The same memory as bytes. */
  readonly bytes: Uint8Array;
}

/**
 * How many entries page `index` of `pages` holds; -1 if it is not the page that
 * belongs there, whole. Pages are read by the million, so this makes as little
 * for the garbage collector as it can.
 */
export function checkPage(
  { words, bytes }: Pages,
  index: number,
  place: PagePlace,
  hash: PlainHash,
): number {
  const start = index * PAGE_LENGTH;
  const checksumAt = start + PAGE_CHECKSUM_AT;
  const checksum = hash(bytes.subarray(start, checksumAt));
  for (let i = 0; i < CHECKSUM_LENGTH; i++) {
    if (bytes[checksumAt + i] !== checksum[i]) return -1;
  }
  const at = index * PAGE_WORDS;
  const isRight = words[at + PageWord.page] === place.page &&
    words[at + PageWord.run] === place.run;
  const count = words[at + PageWord.count] as number;
  return isRight && count >= 1 && count <= PAGE_ENTRIES ? count : -1;
}

/** The bytes of a footer. */
export function encodeFooter(footer: RunFooter, hash: PlainHash): Uint8Array {
  const bytes = new Uint8Array(FOOTER_LENGTH);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, FooterAt.magic);
  view.setUint32(FooterAt.run, footer.run, true);
  view.setUint32(FooterAt.entries, footer.entryCount, true);
  view.setUint32(FooterAt.pages, footer.pageCount, true);
  view.setUint32(FooterAt.tableBytes, footer.tableBytes, true);
  bytes.set(footer.summary, FooterAt.summary);
  view.setUint32(FooterAt.tablePages, footer.tablePages, true);
  const checksum = checksumOf(bytes.subarray(0, FooterAt.checksum), hash);
  bytes.set(checksum, FooterAt.checksum);
  return bytes;
}

/** Reads a footer; undefined if it does not match its checksum. */
export function decodeFooter(
  bytes: Uint8Array,
  hash: PlainHash,
): RunFooter | undefined {
  const checksum = checksumOf(bytes.subarray(0, FooterAt.checksum), hash);
  if (
    !equalBytes(bytes.subarray(0, MAGIC.length), MAGIC) ||
    !equalBytes(bytes.subarray(FooterAt.checksum), checksum)
  ) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    run: view.getUint32(FooterAt.run, true),
    entryCount: view.getUint32(FooterAt.entries, true),
    pageCount: view.getUint32(FooterAt.pages, true),
    tableBytes: view.getUint32(FooterAt.tableBytes, true),
    tablePages: view.getUint32(FooterAt.tablePages, true),
    summary: bytes.slice(
      FooterAt.summary,
      FooterAt.summary + CHECKSUM_LENGTH,
    ),
  };
}

/** Bytes of a run's file. */
export function runSize(footer: RunFooter): number {
  const { pageCount, tableBytes, tablePages } = footer;
  const shapes = Math.ceil(pageCount / tablePages) * SHAPE_WORDS;
  return pageCount * PAGE_LENGTH + tableBytes + 4 * (shapes + pageCount) +
    FOOTER_LENGTH;
}

/** The bytes of words, the same memory. */
export function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
