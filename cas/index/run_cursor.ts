/**
 * Walks through entries in the order of their keys: those of one run, or of
 * several that follow one another.
 *
 * @module
 */

import { ENTRY_WORDS } from "./entry.ts";
import type { Run } from "./run.ts";
import { PAGE_ENTRIES, PAGE_WORDS } from "./run_format.ts";

/** Pages read at once from a run. */
const BUFFER_PAGES = 32;
/** One above the greatest first word of a key. */
export const KEY_END: number = 2 ** 32;

/** Stands on an entry, or is at the end. */
export interface EntryCursor {
  /** Pages as read; the present entry begins at word `at`. */
  readonly words: Uint32Array;
  /** Word of the present entry; -1 at the end. */
  readonly at: number;
  /** Goes to the next entry; false when there is none. */
  next(): boolean;
}

/** A run, or the part of it whose keys begin with words from `first` to below `end`. */
export interface RunPart {
  /** The run. */
  readonly run: Run;
  /** Least first word. */
  readonly first: number;
  /** One above the greatest first word. */
  readonly end: number;
}

/** Walks through a part of a run. */
export class RunCursor implements EntryCursor {
  words: Uint32Array<ArrayBuffer>;
  at = 0;
  readonly #part: RunPart;
  #nextPage: number;
  #pagesLeft = 0;
  #entriesLeft = 0;
  #lastCount = 0;

  /** Stands on the first entry of the part. Throws `IndexDamagedError`, as does `next`. */
  constructor(part: RunPart) {
    this.#part = part;
    const { run, first } = part;
    const pages = Math.min(BUFFER_PAGES, run.pageCount);
    this.words = run.pool.take(pages * PAGE_WORDS);
    this.#nextPage = first === 0 ? 0 : run.firstPage(first);
    this.#readPages();
    while (this.at >= 0 && (this.words[this.at] as number) < first) this.next();
    this.#endAtBound();
  }

  next(): boolean {
    if (--this.#entriesLeft > 0) {
      this.at += ENTRY_WORDS;
    } else if (--this.#pagesLeft > 0) {
      this.at = (Math.floor(this.at / PAGE_WORDS) + 1) * PAGE_WORDS;
      this.#entriesLeft = this.#pagesLeft === 1
        ? this.#lastCount
        : PAGE_ENTRIES;
    } else if (this.#nextPage === this.#part.run.pageCount) {
      this.at = -1;
    } else this.#readPages();
    return this.#endAtBound();
  }

  #endAtBound(): boolean {
    if (this.at >= 0 && (this.words[this.at] as number) < this.#part.end) {
      return true;
    }
    this.close();
    return false;
  }

  /** Ends the walk: gives the memory back. */
  close(): void {
    this.at = -1;
    if (this.words.length > 0) this.#part.run.pool.release(this.words);
    this.words = new Uint32Array(0);
  }

  #readPages(): void {
    const { run } = this.#part;
    const left = run.pageCount - this.#nextPage;
    const pages = Math.min(left, this.words.length / PAGE_WORDS);
    const target = this.words.subarray(0, pages * PAGE_WORDS);
    this.#lastCount = run.readPages(this.#nextPage, target);
    this.#nextPage += pages;
    this.#pagesLeft = pages;
    this.#entriesLeft = pages === 1 ? this.#lastCount : PAGE_ENTRIES;
    this.at = 0;
  }
}

/** Walks through parts of runs, one after the other; their keys ascend. */
export class ChainCursor implements EntryCursor {
  readonly #parts: readonly RunPart[];
  #next = 0;
  #cursor: RunCursor | undefined;

  /** Stands on the first entry of all. */
  constructor(parts: readonly RunPart[]) {
    this.#parts = parts;
    this.#skipEmpty();
  }

  get words(): Uint32Array {
    return this.#cursor?.words ?? new Uint32Array(0);
  }

  get at(): number {
    return this.#cursor?.at ?? -1;
  }

  next(): boolean {
    return this.#cursor?.next() === true || this.#skipEmpty();
  }

  /** Goes to the first entry of the next part that has one. */
  #skipEmpty(): boolean {
    for (;;) {
      const part = this.#parts[this.#next++];
      this.#cursor = part && new RunCursor(part);
      if (this.#cursor === undefined) return false;
      if (this.#cursor.at >= 0) return true;
    }
  }
}
