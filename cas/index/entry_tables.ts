/**
 * The entries of an index that are in memory only: a table that takes what is
 * added, and one that stands still while it is written to a run.
 *
 * @module
 */

import { EntryTable } from "./entry_table.ts";
import type { KeyBatch } from "./key_batch.ts";
import type { FoundEntry } from "./run_list.ts";

/** Tables of entries by key; the newer entry of a key counts. */
export class EntryTables {
  /** Takes what is added. */
  #table = new EntryTable();
  /** Is being written to a run. */
  #frozen: EntryTable | undefined;
  /** Takes what is added next: empty. */
  #spare = new EntryTable();

  /** How many entries there are, those that stand in both tables twice. */
  get count(): number {
    return this.#all().reduce((sum, it) => sum + it.count, 0);
  }

  /** Entries that were added since the last `freeze`. */
  get addedCount(): number {
    return this.#table.count;
  }

  /** The memory that the tables take. */
  get memoryBytes(): number {
    return this.#all().reduce((sum, it) => sum + it.words.byteLength, 0);
  }

  /** The table that stands still, if there is one. */
  get frozen(): EntryTable | undefined {
    return this.#frozen;
  }

  /** Adds `entry`, copied, in place of one of the same key. */
  set(entry: Uint32Array): void {
    this.#table.set(entry);
  }

  /** The entry with the key of `entry`; valid until the tables are changed. */
  find(entry: Uint32Array): FoundEntry | undefined {
    return findIn(this.#table, entry) ?? findIn(this.#frozen, entry);
  }

  /** Leaves those keys of a batch open that are in no table. */
  sift(batch: KeyBatch): void {
    const { words } = batch;
    for (let key = 0; key < batch.openCount; key++) {
      const at = batch.wordOf(key);
      const has = this.#table.find(words, at) >= 0 ||
        (this.#frozen?.find(words, at) ?? -1) >= 0;
      batch.answer(key, has);
    }
    batch.sift();
  }

  /** True when what was found is in memory. */
  holds({ words }: FoundEntry): boolean {
    return words === this.#table.words || words === this.#frozen?.words;
  }

  /** Lets what was added stand still, until `release`. Nothing stands still yet. */
  freeze(): EntryTable {
    const table = this.#table;
    this.#frozen = table;
    this.#table = this.#spare;
    this.#spare = new EntryTable();
    return table;
  }

  /** Forgets the table that stood still: its entries are in a run. */
  release(): void {
    const table = this.#frozen;
    if (table === undefined) return;
    this.#frozen = undefined;
    // Its memory is used again: it is most of what an index drops.
    table.clear();
    this.#spare = table;
  }

  #all(): EntryTable[] {
    const tables = [this.#table, this.#spare];
    if (this.#frozen !== undefined) tables.push(this.#frozen);
    return tables;
  }
}

function findIn(
  table: EntryTable | undefined,
  entry: Uint32Array,
): FoundEntry | undefined {
  const at = table?.find(entry) ?? -1;
  return table === undefined || at < 0 ? undefined : { words: table.words, at };
}
