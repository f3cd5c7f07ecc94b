/**
 * The entries of a slice by ascending key. Keys are uniform, so that counting
 * those that begin alike puts almost all of them in their places at once.
 *
 * @module
 */

import { compareKeys, ENTRY_WORDS } from "./entry.ts";
import type { PartitionSlice } from "./partition.ts";

/** Entries that begin alike and are sorted by insertion. */
const INSERTION_MAX = 16;
/** Most bits by which entries are counted. */
const COUNTED_BITS_MAX = 16;

/** The words at which entries begin, by key; those of equal keys in the order they came. */
export function sortedSlice(
  { words, start, count, sharedBits }: PartitionSlice,
): Uint32Array {
  const bits = Math.min(COUNTED_BITS_MAX, Math.ceil(Math.log2(count)) + 1);
  const shift = 32 - bits;
  const end = start + count * ENTRY_WORDS;
  const places = new Uint32Array(2 ** bits + 1);
  for (let at = start; at < end; at += ENTRY_WORDS) {
    const next = ((words[at] as number) << sharedBits >>> shift) + 1;
    places[next] = (places[next] as number) + 1;
  }
  for (let i = 1; i < places.length; i++) {
    places[i] = (places[i] as number) + (places[i - 1] as number);
  }
  const sorted = new Uint32Array(count);
  for (let at = start; at < end; at += ENTRY_WORDS) {
    const group = (words[at] as number) << sharedBits >>> shift;
    const place = places[group] as number;
    places[group] = place + 1;
    sorted[place] = at;
  }
  // By now each says where its group ends.
  let first = 0;
  for (let group = 0; first < count; group++) {
    const last = places[group] as number;
    if (last - first > 1) sortGroup(words, sorted, first, last);
    first = last;
  }
  return sorted;
}

/** Sorts what stands in `sorted` from `first` to below `last`. */
function sortGroup(
  words: Uint32Array,
  sorted: Uint32Array,
  first: number,
  last: number,
): void {
  if (last - first > INSERTION_MAX) {
    sorted.subarray(first, last).sort((left, right) =>
      compareKeys(words, left, words, right) || left - right
    );
    return;
  }
  for (let i = first + 1; i < last; i++) {
    const at = sorted[i] as number;
    let j = i;
    for (; j > first; j--) {
      const before = sorted[j - 1] as number;
      if (compareKeys(words, before, words, at) <= 0) break;
      sorted[j] = before;
    }
    sorted[j] = at;
  }
}
