/**
 * What an index on disk knew before it was begun anew. Its files have no names
 * any more: they are gone when it is closed, or the process ends.
 *
 * It keeps no filters, for the memory is the new index's: a question reads a
 * page of each run that may answer it.
 *
 * @module
 */

import { ENTRY_WORDS, readLocation, setKey } from "./entry.ts";
import type { EntryTables } from "./entry_tables.ts";
import type { PackTable } from "./pack_table.ts";
import { type FoundEntry, RunList } from "./run_list.ts";
import {
  type BlockLocation,
  type FormerIndex,
  IndexDamagedError,
} from "./score_index.ts";

/** Hints for reads. */
export class FormerRuns implements FormerIndex {
  /** It is never begun anew. */
  readonly generation = 0;
  readonly #tables: EntryTables;
  /** In the order in which they are asked, each by itself: one may be damaged. */
  readonly #lists: readonly RunList[];
  readonly #packs: PackTable;
  readonly #entry = new Uint32Array(ENTRY_WORDS);

  /** Takes over the tables, and the runs out of their list. */
  constructor(tables: EntryTables, runs: RunList, packs: PackTable) {
    this.#tables = tables;
    this.#packs = packs;
    runs.limitFilters(0);
    this.#lists = [
      ...runs.recent.map((it) => new RunList([it])).reverse(),
      new RunList([], runs.base),
    ];
    runs.recent = [];
    runs.base = [];
  }

  get(scores: Uint8Array, offset: number, location: BlockLocation): boolean {
    setKey(this.#entry, scores, offset);
    const found = this.#tables.find(this.#entry) ?? this.#findInRuns();
    if (found === undefined) return false;
    readLocation(found.words, found.at, location);
    return true;
  }

  /** Nothing to do: nobody writes by hints. */
  suspect(): void {}

  packName(pack: number): string {
    return this.#packs.name(pack);
  }

  /** Lets go of files. */
  close(): void {
    for (const list of this.#lists) list.close();
  }

  #findInRuns(): FoundEntry | undefined {
    for (const list of this.#lists) {
      try {
        const found = list.find(this.#entry, false);
        if (found !== undefined) return found;
      } catch (error) {
        if (!(error instanceof IndexDamagedError)) throw error;
      }
    }
    return undefined;
  }
}
