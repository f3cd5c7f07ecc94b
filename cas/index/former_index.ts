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
  readonly #runs: RunList;
  readonly #packs: PackTable;
  readonly #entry = new Uint32Array(ENTRY_WORDS);

  /** Takes over the tables, and the runs out of their list. */
  constructor(tables: EntryTables, runs: RunList, packs: PackTable) {
    this.#tables = tables;
    this.#runs = new RunList(runs.recent, runs.base);
    this.#packs = packs;
    this.#runs.limitFilters(0);
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
    this.#runs.close();
  }

  #findInRuns(): FoundEntry | undefined {
    try {
      return this.#runs.find(this.#entry, false);
    } catch (error) {
      if (error instanceof IndexDamagedError) return undefined;
      throw error;
    }
  }
}
