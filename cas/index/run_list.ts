/**
 * The runs of an index, and the way through them: recent runs that cover all
 * keys, newest first, then the one run of the base that covers the key.
 *
 * The base holds most entries. It is cut into runs by the first word of the
 * keys, so that a question meets one of them only, and so that it is renewed
 * piece by piece.
 *
 * @module
 */

import type { KeyBatch } from "./key_batch.ts";
import type { Run } from "./run.ts";
import { KEY_END, type RunPart } from "./run_cursor.ts";
import type { IndexStatistics } from "./score_index.ts";

/** A run of recent entries: it counts for keys from `first` on. */
export interface RecentRun {
  /** The run. */
  readonly run: Run;
  /** How often its entries were merged. */
  readonly level: number;
  /** Least first word of a key that it counts for: what is below is in the base by now. */
  first: number;
}

/** A run of the base: it counts for keys from `first` on, up to the next one's. */
export interface BaseRun {
  /** The run. */
  readonly run: Run;
  /** Least first word of a key that it counts for. */
  readonly first: number;
}

/** An entry that was found. */
export interface FoundEntry {
  /** Words that hold it, until the next question. */
  readonly words: Uint32Array;
  /** Word at which it begins. */
  readonly at: number;
}

/** The runs of an index. */
export class RunList {
  /** Oldest first; levels never rise. */
  recent: RecentRun[];
  /** Ascending. */
  base: BaseRun[];

  /** Takes over the runs. */
  constructor(recent: RecentRun[] = [], base: BaseRun[] = []) {
    this.recent = recent;
    this.base = base;
  }

  /** How many entries all runs have. */
  get entryCount(): number {
    return sumEntries(this.recent) + sumEntries(this.base);
  }

  /** How many of them are in runs whose filters are not kept. */
  get unfilteredCount(): number {
    const unfiltered = (it: { readonly run: Run }): boolean =>
      !it.run.keepsFilter;
    return sumEntries(this.recent.filter(unfiltered)) +
      sumEntries(this.base.filter(unfiltered));
  }

  /** Pages read to answer. */
  get pageReads(): number {
    return [...this.recent, ...this.base].reduce(
      (sum, { run }) => sum + run.pageReads,
      0,
    );
  }

  /** Bytes of the filters that are kept. */
  get filterBytes(): number {
    return [...this.recent, ...this.base].reduce(
      (sum, { run }) => sum + (run.keepsFilter ? run.filterBytes : 0),
      0,
    );
  }

  /** Finds an entry; with `filteredOnly` only where a filter spares most reads. Throws `IndexDamagedError`. */
  find(entry: Uint32Array, filteredOnly: boolean): FoundEntry | undefined {
    const word = entry[0] as number;
    for (let i = this.recent.length - 1; i >= 0; i--) {
      const { run, first } = this.recent[i] as RecentRun;
      if (word < first || (filteredOnly && !run.keepsFilter)) continue;
      const at = run.find(entry);
      if (at >= 0) return { words: run.words, at };
    }
    const base = this.#baseFor(word);
    if (base === undefined || (filteredOnly && !base.run.keepsFilter)) {
      return undefined;
    }
    const at = base.run.find(entry);
    return at >= 0 ? { words: base.run.words, at } : undefined;
  }

  /** Leaves those keys of a batch open that `find` with `filteredOnly` finds in no run; reads no page. Throws `IndexDamagedError`. */
  sift(batch: KeyBatch): void {
    for (let i = this.recent.length - 1; i >= 0; i--) {
      const { run, first } = this.recent[i] as RecentRun;
      if (!run.keepsFilter) continue;
      for (let key = 0; key < batch.openCount; key++) {
        const word = batch.words[batch.wordOf(key)] as number;
        if (word < first) batch.answer(key, false);
        else run.ask(batch, key);
      }
      batch.sift();
    }
    for (let key = 0; key < batch.openCount; key++) {
      const base = this.#baseFor(batch.words[batch.wordOf(key)] as number);
      if (base === undefined || !base.run.keepsFilter) batch.answer(key, false);
      else base.run.ask(batch, key);
    }
    batch.sift();
  }

  /** Lets the newest runs keep their filters, as many as fit. */
  limitFilters(filterBytesMax: number): void {
    let bytes = 0;
    for (const { run } of [...this.recent.toReversed(), ...this.base]) {
      bytes += run.filterBytes;
      run.keepsFilter = bytes <= filterBytesMax;
    }
  }

  /** The base as parts of runs. */
  get baseParts(): RunPart[] {
    return this.base.map(({ run, first }, i) => ({
      run,
      first,
      end: this.base[i + 1]?.first ?? KEY_END,
    }));
  }

  /** Lets `run` count in the base for keys from `first` to below `end`; the runs that count no more. */
  replaceBase(run: Run, first: number, end: number): Run[] {
    const kept: BaseRun[] = [];
    const dropped: Run[] = [];
    for (const part of this.baseParts) {
      if (part.first < first) kept.push({ run: part.run, first: part.first });
      if (part.end > end) {
        kept.push({ run: part.run, first: Math.max(part.first, end) });
      } else if (part.first >= first) dropped.push(part.run);
    }
    kept.push({ run, first });
    this.base = kept.sort((a, b) => a.first - b.first);
    return dropped;
  }

  /** Lets the oldest `count` recent runs count for keys from `first` on, or not at all any more; those that do not. */
  passToBase(count: number, first: number): Run[] {
    if (first >= KEY_END) {
      return this.recent.splice(0, count).map(({ run }) => run);
    }
    for (const it of this.recent.slice(0, count)) {
      // One that a merge passed on before it was given up is ahead.
      it.first = Math.max(it.first, first);
      it.run.forgetBelow(it.first);
    }
    return [];
  }

  /** Closes all runs and forgets them. */
  close(): void {
    for (const { run } of [...this.recent, ...this.base]) run.close();
    this.recent = [];
    this.base = [];
  }

  #baseFor(word: number): BaseRun | undefined {
    let low = 0;
    let high = this.base.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.base[middle] as BaseRun).first <= word) low = middle + 1;
      else high = middle;
    }
    return this.base[low - 1];
  }
}

/** How many entries runs have together. */
export function sumEntries(
  runs: readonly { readonly run: Run }[],
): number {
  return runs.reduce((sum, { run }) => sum + run.description.entryCount, 0);
}

/** How an index of these tables and runs is doing. */
export function statisticsOf(
  tables: { readonly count: number; readonly memoryBytes: number },
  runs: RunList,
): IndexStatistics {
  return {
    entryCount: tables.count + runs.entryCount,
    passedOverCount: runs.unfilteredCount,
    memoryBytes: tables.memoryBytes + runs.filterBytes,
    pageReads: runs.pageReads,
  };
}
