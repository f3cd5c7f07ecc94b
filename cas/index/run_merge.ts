/**
 * Merges entries from several places into runs, a bounded step at a time.
 *
 * @module
 */

import { compareKeys } from "./entry.ts";
import { type EntryCursor, KEY_END } from "./run_cursor.ts";
import type { RunWriter } from "./run_writer.ts";

/** A merge under way. Of entries with equal keys that of the newest place stays. */
export class RunMerge {
  readonly #cursors: EntryCursor[];
  /** First word of the entry that each cursor stands on: most comparisons need no more. */
  readonly #heads: Uint32Array;

  /** Begins a merge; `cursors` are newest first. */
  constructor(cursors: readonly EntryCursor[]) {
    this.#cursors = cursors.filter((cursor) => cursor.at >= 0);
    this.#heads = Uint32Array.from(this.#cursors, firstWord);
  }

  /**
   * Moves up to `entriesMax` entries with first words below `end` to `writer`;
   * true when there are no more of them. Throws `IndexDamagedError`.
   */
  step(writer: RunWriter, entriesMax: number, end: number = KEY_END): boolean {
    for (let i = 0; i < entriesMax; i++) {
      const least = this.#least();
      if (least < 0 || (this.#heads[least] as number) >= end) return true;
      const cursor = this.#cursors[least] as EntryCursor;
      writer.add(cursor.words, cursor.at);
      this.#passKey(least);
    }
    return false;
  }

  /** The first of the cursors that stand on the least key. */
  #least(): number {
    const heads = this.#heads;
    const count = this.#cursors.length;
    let least = count - 1;
    for (let i = count - 2; i >= 0; i--) {
      const head = heads[i] as number;
      if (head > (heads[least] as number)) continue;
      if (head < (heads[least] as number) || this.#compare(i, least) <= 0) {
        least = i;
      }
    }
    return least;
  }

  /** Moves every cursor that stands on the same key as `least` beyond it. */
  #passKey(least: number): void {
    const head = this.#heads[least] as number;
    for (let i = this.#cursors.length - 1; i > least; i--) {
      if (this.#heads[i] === head && this.#compare(i, least) === 0) {
        this.#advance(i);
      }
    }
    this.#advance(least);
  }

  #compare(left: number, right: number): number {
    const a = this.#cursors[left] as EntryCursor;
    const b = this.#cursors[right] as EntryCursor;
    return compareKeys(a.words, a.at, b.words, b.at);
  }

  #advance(index: number): void {
    const cursor = this.#cursors[index] as EntryCursor;
    if (cursor.next()) {
      this.#heads[index] = firstWord(cursor);
      return;
    }
    this.#cursors.splice(index, 1);
    this.#heads.copyWithin(index, index + 1);
  }
}

function firstWord(cursor: EntryCursor): number {
  return cursor.words[cursor.at] as number;
}
