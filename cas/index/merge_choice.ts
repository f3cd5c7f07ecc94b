/**
 * Which runs to merge, and when to merge them into the base.
 *
 * Recent runs are in order of age, and only neighbours may be merged, because a
 * newer entry hides an older one of the same key. Every five of one level become
 * one of the next, three times. When the recent entries are a sixth of those in
 * the base, all are merged into it. So an entry is written about ten times in its
 * life, and a question meets few runs.
 *
 * @module
 */

/** Runs that become one, and the ratio between levels. */
export const MERGE_RUNS = 5;
/** Recent entries that are merged into the base: one for so many in it. */
const BASE_SHARE = 6;

/** A recent run, as the choice sees it. */
export interface MergeCandidate {
  /** How often its entries were merged. */
  readonly level: number;
  /** How many entries. */
  readonly entryCount: number;
  /** It is being merged. */
  readonly busy: boolean;
}

/**
 * Where to begin a merge of `MERGE_RUNS` runs of `level`: the position of the
 * oldest; -1 for none. One merge of a level goes on at a time.
 */
export function chooseMerge(
  runs: readonly MergeCandidate[],
  level: number,
  entriesMax: number,
): number {
  const start = runs.findIndex((run) => run.level === level);
  const chosen = runs.slice(start, start + MERGE_RUNS);
  const fits = start >= 0 && chosen.length === MERGE_RUNS &&
    chosen.every((run) => run.level === level && !run.busy) &&
    sum(chosen) <= entriesMax;
  return fits ? start : -1;
}

/** True when the recent entries belong into the base. */
export function isBaseDue(
  runs: readonly MergeCandidate[],
  baseEntryCount: number,
  entriesMin: number,
): boolean {
  const recent = sum(runs);
  return recent >= entriesMin && recent * BASE_SHARE >= baseEntryCount;
}

/** How many of the oldest runs are not being merged. */
export function countIdle(runs: readonly MergeCandidate[]): number {
  const busy = runs.findIndex((run) => run.busy);
  return busy < 0 ? runs.length : busy;
}

function sum(runs: readonly MergeCandidate[]): number {
  return runs.reduce((total, { entryCount }) => total + entryCount, 0);
}
