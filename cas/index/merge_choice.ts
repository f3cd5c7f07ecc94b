/**
 * Which runs to merge. Runs are in order of age, and only neighbours may be
 * merged, because a newer entry hides an older one of the same key. Sizes fall
 * into levels, each eight times the one before; eight runs at the new end that
 * are of one level or less become one. So an entry is written about once a level.
 *
 * @module
 */

/** Runs that make a merge worth it, and the ratio between levels. */
export const MERGE_RUNS = 8;
/** Most entries of a run: bounds what one merge costs in time, disk and memory. */
export const RUN_ENTRIES_MAX: number = 2 ** 25;

const LEVEL_0_ENTRIES = 1024;

/** How many of the newest runs to merge; 0 for none. `entryCounts` is oldest first. */
export function chooseMerge(entryCounts: readonly number[]): number {
  const levels = entryCounts.map(levelOf);
  for (let level = 0; level <= Math.max(0, ...levels); level++) {
    let count = 0;
    while (
      count < levels.length &&
      (levels[levels.length - 1 - count] as number) <= level
    ) count++;
    if (count < MERGE_RUNS) continue;
    const fitting = countThatFits(entryCounts, count);
    if (fitting >= MERGE_RUNS) return fitting;
  }
  return 0;
}

function levelOf(entryCount: number): number {
  return Math.max(
    0,
    Math.ceil(Math.log(entryCount / LEVEL_0_ENTRIES) / Math.log(MERGE_RUNS)),
  );
}

/** How many of the `count` newest runs fit one run together. */
function countThatFits(entryCounts: readonly number[], count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    sum += entryCounts[entryCounts.length - 1 - i] as number;
    if (sum > RUN_ENTRIES_MAX) return i;
  }
  return count;
}
