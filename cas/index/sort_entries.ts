/**
 * The entries of a table by ascending key.
 *
 * @module
 */

import { compareKeys, ENTRY_WORDS, EXTENT_WORD } from "./entry.ts";

/** Slots up to which a word and a slot number fit a double exactly. */
const SLOTS_MAX = 2 ** 21;

/**
 * The words at which the entries of a table begin, in the order of their keys.
 * Sorting numbers is ten times as fast as sorting with a comparison function,
 * so slots are sorted by the first word of their keys, and the few that share
 * it are put right afterwards.
 */
export function sortedEntries(words: Uint32Array, count: number): Uint32Array {
  const slotCount = words.length / ENTRY_WORDS;
  if (slotCount > SLOTS_MAX) return sortLarge(words, count);
  const keyed = new Float64Array(count);
  let filled = 0;
  for (let slot = 0; slot < slotCount; slot++) {
    const at = slot * ENTRY_WORDS;
    if (words[at + EXTENT_WORD] === 0) continue;
    keyed[filled++] = (words[at] as number) * SLOTS_MAX + slot;
  }
  keyed.sort();
  const sorted = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const at = ((keyed[i] as number) % SLOTS_MAX) * ENTRY_WORDS;
    let j = i;
    while (
      j > 0 && compareKeys(words, sorted[j - 1] as number, words, at) > 0
    ) {
      sorted[j] = sorted[j - 1] as number;
      j--;
    }
    sorted[j] = at;
  }
  return sorted;
}

/** For a table that could not be saved for long. */
function sortLarge(words: Uint32Array, count: number): Uint32Array {
  const sorted = new Uint32Array(count);
  let filled = 0;
  for (let at = 0; at < words.length; at += ENTRY_WORDS) {
    if (words[at + EXTENT_WORD] !== 0) sorted[filled++] = at;
  }
  return sorted.sort((left, right) => compareKeys(words, left, words, right));
}
