/**
 * Which blobs a scrub reads, as spans of keys.
 *
 * The names of packs are hashes, so any part of their order is a random sample
 * of them. A sample reads the part behind the last one: twenty samples of 5 %
 * read every pack once.
 *
 * @module
 */

import { PACKS_PREFIX } from "../packs/pack_files.ts";
/** Keys behind `after`, up to `until`. */
export interface KeySpan {
  /** The last key that was read, or one before the first. */
  readonly after: string;
  /** No key behind this one. */
  readonly until: string;
}

/** All blobs of an archive, in the order of their keys. */
export const BLOB_PREFIXES: readonly string[] = [
  "answers/",
  "calls/",
  "epoch/",
  "format",
  "index/",
  "left/",
  "names/",
  "packs/",
  "retired/",
  "roots/",
];

/** Behind every key. */
const END = "~";
const NAME_DIGITS = 8;
const NAME_COUNT: number = 16 ** NAME_DIGITS;

/** Everything. */
export const ALL_KEYS: readonly KeySpan[] = [{ after: "", until: END }];

/** The packs from place `from` of their order on, `share` of all; both 0 to 1. */
export function sampleSpans(from: number, share: number): KeySpan[] {
  const to = from + share;
  const span = (start: number, end: number): KeySpan => ({
    after: packKeyAt(start),
    until: end >= 1 ? `${PACKS_PREFIX}${END}` : packKeyAt(end),
  });
  return to <= 1 ? [span(from, to)] : [span(from, 1), span(0, to - 1)];
}

/** How much of the packs lies within these spans, 0 to 1. */
export function shareOf(spans: readonly KeySpan[]): number {
  return spans.reduce(
    (sum, { after, until }) => sum + placeOf(until) - placeOf(after),
    0,
  );
}

/** True if keys with this prefix may lie in the span. */
export function mayHold(span: KeySpan, prefix: string): boolean {
  const { after, until } = span;
  return prefix <= until && (after < prefix || after.startsWith(prefix));
}

function packKeyAt(place: number): string {
  const name = Math.floor(place * NAME_COUNT).toString(16)
    .padStart(NAME_DIGITS, "0");
  return `${PACKS_PREFIX}${name.slice(0, 2)}/${name}`;
}

function placeOf(key: string): number {
  if (!key.startsWith(PACKS_PREFIX)) return key < PACKS_PREFIX ? 0 : 1;
  const digits = /^packs\/[0-9a-f]{2}\/([0-9a-f]{8})/.exec(key)?.[1];
  if (digits === undefined) return key > `${PACKS_PREFIX}g` ? 1 : 0;
  return parseInt(digits, 16) / NAME_COUNT;
}
