/**
 * An index entry: eight 32-bit words, in memory and on disk alike.
 *
 *     word 0-4   the first 160 bits of the score, as big-endian numbers, so that words sort as scores do
 *     word 5     pack number
 *     word 6     offset within the pack
 *     word 7     bits 0-15 stored length, 16-23 codec, 24 suspect, 25 unproven; never 0
 *
 * 160 bits are enough to be exact: two blocks that share them are 2^80 hashes
 * of work away, and reading one for the other would be found by its score.
 *
 * @module
 */

import type { BlockLocation, IndexEntries } from "./score_index.ts";

/** 32-bit words of an entry. */
export const ENTRY_WORDS = 8;
/** Words of the score in an entry. */
const KEY_WORDS = 5;
/** Bytes of the score in an entry. */
export const KEY_LENGTH: number = 4 * KEY_WORDS;
/** Word of the pack number. */
export const PACK_WORD = 5;
/** Word of the offset. */
const OFFSET_WORD = 6;
/** Word of length, codec and flags. */
export const EXTENT_WORD = 7;

const LENGTH_MASK = 0xffff;
const CODEC_SHIFT = 16;
const CODEC_MASK = 0xff;
const SUSPECT_BIT = 1 << 24;
const UNPROVEN_BIT = 1 << 25;

/** Writes the key of the score at `offset` of `scores` into the entry at word `target` of `words`. */
export function setKey(
  words: Uint32Array,
  scores: Uint8Array,
  offset: number,
  target: number = 0,
): void {
  for (let word = 0; word < KEY_WORDS; word++) {
    const at = offset + 4 * word;
    words[target + word] = (scores[at] as number) << 24 |
      (scores[at + 1] as number) << 16 |
      (scores[at + 2] as number) << 8 | (scores[at + 3] as number);
  }
}

/** Writes entry `position` of a pack into `entry`. */
export function setEntry(
  entry: Uint32Array,
  entries: IndexEntries,
  from: { readonly pack: number; readonly position: number },
): void {
  const { pack, position } = from;
  setKey(entry, entries.keys, position * KEY_LENGTH);
  entry[PACK_WORD] = pack;
  entry[OFFSET_WORD] = entries.offsets[position] as number;
  entry[EXTENT_WORD] = (entries.lengths[position] as number) |
    (entries.codecs[position] as number) << CODEC_SHIFT |
    (entries.unproven === true ? UNPROVEN_BIT : 0);
}

/** Compares the key at word `left` of `a` to that at word `right` of `b`: below, at or above zero. */
export function compareKeys(
  a: Uint32Array,
  left: number,
  b: Uint32Array,
  right: number,
): number {
  for (let word = 0; word < KEY_WORDS; word++) {
    const difference = (a[left + word] as number) -
      (b[right + word] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Fills `location` from the entry at word `at`. */
export function readLocation(
  words: Uint32Array,
  at: number,
  location: BlockLocation,
): void {
  const extent = words[at + EXTENT_WORD] as number;
  location.pack = words[at + PACK_WORD] as number;
  location.offset = words[at + OFFSET_WORD] as number;
  location.length = extent & LENGTH_MASK;
  location.codec = extent >>> CODEC_SHIFT & CODEC_MASK;
  location.suspect = (extent & SUSPECT_BIT) !== 0;
  location.unproven = (extent & UNPROVEN_BIT) !== 0;
  location.paged = false;
}

/** Marks the entry at word `at`. */
export function setSuspect(words: Uint32Array, at: number): void {
  words[at + EXTENT_WORD] = (words[at + EXTENT_WORD] as number) | SUSPECT_BIT;
}
