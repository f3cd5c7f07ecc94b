/**
 * Merges runs into one, a bounded step at a time.
 *
 * @module
 */

import { compareKeys, ENTRY_WORDS } from "./entry.ts";
import type { Run } from "./run.ts";
import { PAGE_ENTRIES, PAGE_WORDS } from "./run_format.ts";
import type { RunDescription, RunWriter } from "./run_writer.ts";

/** Pages read at once from each run. */
const BUFFER_PAGES = 32;

/** Walks through the entries of a run. */
class RunCursor {
  /** Pages as read; the present entry begins at word `at`. */
  readonly words: Uint32Array;
  /** Word of the present entry. */
  at = 0;
  readonly #run: Run;
  #nextPage = 0;
  #pagesLeft = 0;
  #entriesLeft = 0;
  #lastCount = 0;

  constructor(run: Run) {
    this.#run = run;
    const pages = Math.min(BUFFER_PAGES, run.pageCount);
    this.words = new Uint32Array(pages * PAGE_WORDS);
    this.#readPages();
  }

  /** Goes to the next entry; false when there is none. */
  next(): boolean {
    if (--this.#entriesLeft > 0) {
      this.at += ENTRY_WORDS;
      return true;
    }
    if (--this.#pagesLeft > 0) {
      this.at = (Math.floor(this.at / PAGE_WORDS) + 1) * PAGE_WORDS;
      this.#entriesLeft = this.#pagesLeft === 1
        ? this.#lastCount
        : PAGE_ENTRIES;
      return true;
    }
    if (this.#nextPage === this.#run.pageCount) return false;
    this.#readPages();
    return true;
  }

  #readPages(): void {
    const left = this.#run.pageCount - this.#nextPage;
    const pages = Math.min(left, this.words.length / PAGE_WORDS);
    const target = this.words.subarray(0, pages * PAGE_WORDS);
    this.#lastCount = this.#run.readPages(this.#nextPage, target);
    this.#nextPage += pages;
    this.#pagesLeft = pages;
    this.#entriesLeft = pages === 1 ? this.#lastCount : PAGE_ENTRIES;
    this.at = 0;
  }
}

/** A merge under way. Of entries with equal keys that of the newest run stays. */
export class RunMerge {
  /** The runs that are merged, oldest first. */
  readonly inputs: readonly Run[];
  readonly #writer: RunWriter;
  /** Newest first, so that the first of equal keys is the one to keep. */
  readonly #cursors: RunCursor[];

  /** Begins a merge. Throws `IndexDamagedError`, as does `step`. */
  constructor(inputs: readonly Run[], writer: RunWriter) {
    this.inputs = inputs;
    this.#writer = writer;
    this.#cursors = inputs.map((run) => new RunCursor(run)).reverse();
  }

  /** Merges up to `entriesMax` entries; the new run when all are merged. */
  step(entriesMax: number): RunDescription | undefined {
    for (let i = 0; i < entriesMax; i++) {
      const least = this.#least();
      if (least === undefined) return this.#writer.finish();
      this.#writer.add(least.words, least.at);
      this.#passKey(least);
    }
    return undefined;
  }

  #least(): RunCursor | undefined {
    let least = this.#cursors[0];
    if (least === undefined) return undefined;
    for (let i = 1; i < this.#cursors.length; i++) {
      const cursor = this.#cursors[i] as RunCursor;
      if (compareKeys(cursor.words, cursor.at, least.words, least.at) < 0) {
        least = cursor;
      }
    }
    return least;
  }

  /** Moves every cursor that stands on the key of `least` beyond it. */
  #passKey(least: RunCursor): void {
    for (let i = this.#cursors.length - 1; i >= 0; i--) {
      const cursor = this.#cursors[i] as RunCursor;
      if (
        cursor === least ||
        compareKeys(cursor.words, cursor.at, least.words, least.at) !== 0
      ) continue;
      if (!cursor.next()) this.#cursors.splice(i, 1);
    }
    if (!least.next()) this.#cursors.splice(this.#cursors.indexOf(least), 1);
  }
}
