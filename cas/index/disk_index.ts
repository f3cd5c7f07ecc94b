/**
 * The index of a real server: a table in memory for the newest packs, and
 * sorted runs on disk for all others, merged as they grow.
 *
 * Invariants: the manifest names packs only together with all their entries;
 * opening reads the manifest and the end of every run, however many entries
 * there are; bytes that do not match their checksum are never an answer. What
 * is in memory only is lost by a crash, and with it the knowledge of its packs.
 *
 * Memory: 10 bits an entry for the filters, 4 bytes for every 127 entries, and
 * the table.
 *
 * @module
 */

import type { EventSink } from "../events.ts";
import {
  ENTRY_WORDS,
  readLocation,
  setEntry,
  setKey,
  setSuspect,
} from "./entry.ts";
import { EntryTable } from "./entry_table.ts";
import { IndexFiles, type IndexFilesOptions } from "./index_files.ts";
import { chooseMerge } from "./merge_choice.ts";
import { PackTable } from "./pack_table.ts";
import type { Run } from "./run.ts";
import { RunMerge } from "./run_merge.ts";
import { RunWriter } from "./run_writer.ts";
import {
  type BlockLocation,
  IndexDamagedError,
  type IndexEntries,
  type ScoreIndex,
} from "./score_index.ts";
import { sortedEntries } from "./sort_entries.ts";

/** Entries in memory that are then written to a run, in about 50 ms. */
const TABLE_ENTRIES_MAX = 2 ** 16;
/** Packs in memory that are then written: a start after a crash reads the directories of so many at most. */
const UNSAVED_PACKS_MAX = 64;
/** Entries merged for each that is added, so that merging keeps up. */
const MERGE_FACTOR = 8;
const MERGE_STEP_MIN = 4096;

/** How to open an index on disk. */
export interface DiskIndexOptions extends IndexFilesOptions {
  /** Takes `index-discarded` and `index-not-saved`. */
  readonly onEvent: EventSink;
  /** Entries kept in memory: 65,536 when absent. */
  readonly tableEntriesMax?: number;
}

/** An index on disk. */
export class DiskIndex implements ScoreIndex {
  readonly #options: DiskIndexOptions;
  readonly #files: IndexFiles;
  readonly #table = new EntryTable();
  readonly #entry = new Uint32Array(ENTRY_WORDS);
  #packs = new PackTable();
  /** Oldest first. */
  #runs: Run[] = [];
  #merge: RunMerge | undefined;
  /** The run that the merge makes, and how to let go of its file. */
  #mergeTarget: { readonly run: number; close(): void } | undefined;
  #unsavedPacks = 0;
  /** The first so many packs have all their entries in runs: these, and no others, the manifest may name. */
  #packsInRuns = 0;
  /** There is something that the files do not have. */
  #dirty = false;
  #rebuilding = false;
  #damage: IndexDamagedError | undefined;

  private constructor(options: DiskIndexOptions) {
    this.#options = options;
    this.#files = new IndexFiles(options);
  }

  /**
   * Opens the index in a directory. One that is damaged, of another archive or
   * of another version is discarded, with an event, and the new one is empty.
   */
  static open(options: DiskIndexOptions): DiskIndex {
    const index = new DiskIndex(options);
    try {
      const saved = index.#files.load();
      if (saved === undefined) index.#files.clear();
      else {
        index.#packs = saved.packs;
        index.#runs = saved.runs;
        index.#packsInRuns = saved.packs.count;
      }
    } catch (error) {
      if (!(error instanceof IndexDamagedError)) throw error;
      options.onEvent({
        event: "index-discarded",
        severity: "strange",
        message: `The index is discarded and made anew from the packs: ` +
          error.message,
        reason: error.message,
      });
      index.#files.clear();
    }
    return index;
  }

  get packCount(): number {
    return this.#packs.count;
  }

  get(scores: Uint8Array, offset: number, location: BlockLocation): boolean {
    const found = this.#find(scores, offset);
    if (found === undefined) return false;
    readLocation(found.words, found.at, location);
    return true;
  }

  addPack(name: string, entries: IndexEntries): void {
    const pack = this.#packs.add(name);
    for (let position = 0; position < entries.count; position++) {
      setEntry(this.#entry, entries, { pack, position });
      this.#table.set(this.#entry);
    }
    this.#unsavedPacks++;
    this.#dirty = true;
    const entriesMax = this.#options.tableEntriesMax ?? TABLE_ENTRIES_MAX;
    if (
      this.#table.count >= entriesMax || this.#unsavedPacks >= UNSAVED_PACKS_MAX
    ) this.flush();
    this.#stepMerge(Math.max(entries.count * MERGE_FACTOR, MERGE_STEP_MIN));
  }

  suspect(scores: Uint8Array, offset: number): void {
    const found = this.#find(scores, offset);
    if (found === undefined) return;
    const entry = found.words.slice(found.at, found.at + ENTRY_WORDS);
    setSuspect(entry, 0);
    this.#table.set(entry);
    this.#dirty = true;
  }

  knowsPack(name: string): boolean {
    return this.#packs.has(name);
  }

  packName(pack: number): string {
    return this.#packs.name(pack);
  }

  beginRebuild(): void {
    this.#rebuilding = true;
    this.#abandonMerge();
    this.#closeRuns();
    this.#table.clear();
    this.#packs.clear();
    this.#packsInRuns = 0;
    this.#unsavedPacks = 0;
    this.#damage = undefined;
    this.#files.clear();
  }

  endRebuild(): void {
    this.#rebuilding = false;
    this.#dirty = true;
    this.flush();
  }

  flush(): void {
    if (this.#damage !== undefined || !this.#dirty) return;
    // Counted anew after a failure too: the next attempt comes so many packs later.
    this.#unsavedPacks = 0;
    this.#guard(() => {
      if (this.#table.count > 0) {
        this.#runs.push(this.#writeTable());
        this.#table.clear();
      }
      this.#packsInRuns = this.#packs.count;
      this.#save();
      this.#dirty = false;
    });
  }

  close(): void {
    this.flush();
    this.#abandonMerge();
    this.#closeRuns();
  }

  #find(
    scores: Uint8Array,
    offset: number,
  ): { readonly words: Uint32Array; readonly at: number } | undefined {
    if (this.#damage !== undefined) throw this.#damage;
    setKey(this.#entry, scores, offset);
    const at = this.#table.find(this.#entry);
    if (at >= 0) return { words: this.#table.words, at };
    try {
      for (let i = this.#runs.length - 1; i >= 0; i--) {
        const run = this.#runs[i] as Run;
        const found = run.find(this.#entry);
        if (found >= 0) return { words: run.words, at: found };
      }
    } catch (error) {
      if (error instanceof IndexDamagedError) this.#damage = error;
      throw error;
    }
    return undefined;
  }

  #writeTable(): Run {
    const { words, count } = this.#table;
    const { file, run } = this.#files.createRun();
    try {
      const { hash } = this.#options;
      const writer = new RunWriter({ file, run, entriesMax: count, hash });
      for (const at of sortedEntries(words, count)) writer.add(words, at);
      return this.#files.openRun(writer.finish());
    } finally {
      file.close();
    }
  }

  /** Half a rebuilt index must not be found by a later process: it is not named. */
  #save(): void {
    if (this.#rebuilding) return;
    const packCount = this.#packsInRuns;
    this.#files.save({ packs: this.#packs, packCount, runs: this.#runs });
  }

  #beginMerge(): RunMerge | undefined {
    const counts = this.#runs.map((run) => run.description.entryCount);
    const chosen = chooseMerge(counts);
    if (chosen === 0) return undefined;
    const inputs = this.#runs.slice(-chosen);
    const entriesMax = counts.slice(-chosen).reduce((sum, n) => sum + n, 0);
    const { file, run } = this.#files.createRun();
    const { hash } = this.#options;
    this.#mergeTarget = { run, close: () => file.close() };
    const writer = new RunWriter({ file, run, entriesMax, hash });
    this.#merge = new RunMerge(inputs, writer);
    return this.#merge;
  }

  #stepMerge(entriesMax: number): void {
    this.#guard(() => {
      const merge = this.#merge ?? this.#beginMerge();
      const description = merge?.step(entriesMax);
      if (merge !== undefined && description !== undefined) {
        this.#endMerge(merge, this.#files.openRun(description));
      }
    });
  }

  #endMerge(merge: RunMerge, merged: Run): void {
    const start = this.#runs.indexOf(merge.inputs[0] as Run);
    this.#runs.splice(start, merge.inputs.length, merged);
    this.#mergeTarget?.close();
    this.#merge = undefined;
    this.#mergeTarget = undefined;
    for (const input of merge.inputs) input.close();
    this.#dirty = true;
    this.#save();
    this.#dirty = this.#table.count > 0;
    // Only now: until then the manifest named these.
    for (const { description } of merge.inputs) {
      this.#files.removeRun(description.run);
    }
  }

  #abandonMerge(): void {
    const target = this.#mergeTarget;
    this.#merge = undefined;
    this.#mergeTarget = undefined;
    if (target === undefined) return;
    target.close();
    try {
      this.#files.removeRun(target.run);
    } catch {
      // Removed when the index is opened next: no manifest names it.
    }
  }

  #closeRuns(): void {
    for (const run of this.#runs) run.close();
    this.#runs = [];
  }

  /**
   * Runs what writes the index's files. An index is a cache: a full disk must
   * not stop a checkpoint, so a failure is reported, and tried again later.
   */
  #guard(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#abandonMerge();
      if (error instanceof IndexDamagedError) {
        this.#damage = error;
        return;
      }
      this.#options.onEvent({
        event: "index-not-saved",
        severity: "admin",
        message: `The index could not be saved in ` +
          `${this.#options.disk.location}, it will be tried again: ` +
          (error as Error).message,
        reason: (error as Error).message,
      });
    }
  }
}
