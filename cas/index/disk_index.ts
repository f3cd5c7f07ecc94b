/**
 * The index of a real server: a table in memory for the newest packs, and
 * sorted runs on disk for all others, merged beside everything else, a few
 * milliseconds at a time.
 *
 * Invariants: the manifest names packs only together with all their entries;
 * opening reads the manifest and the end of every run, however many entries
 * there are; bytes that do not match their checksum are never an answer. What
 * is in memory only is lost by a crash, and with it the knowledge of its packs.
 * Files are written by one piece of work at a time.
 *
 * @module
 */

import { Compaction } from "./compaction.ts";
import {
  type DiskIndexOptions,
  TABLE_ENTRIES_MAX,
  UNSAVED_PACKS_MAX,
  UNSAVED_TABLES_MAX,
} from "./index_options.ts";
import {
  ENTRY_WORDS,
  PACK_WORD,
  readLocation,
  setEntry,
  setKey,
  setSuspect,
} from "./entry.ts";
import { DamageMemory } from "./damage_memory.ts";
import { DirectFill } from "./direct_fill.ts";
import { EntryTables } from "./entry_tables.ts";
import { indexDiscarded, indexFull } from "./index_events.ts";
import { FormerRuns } from "./former_index.ts";
import { IndexFiles } from "./index_files.ts";
import { MemoryLimit } from "./memory_limit.ts";
import { MergeDebt } from "./merge_debt.ts";
import { NewScores } from "./new_scores.ts";
import { PackTable } from "./pack_table.ts";
import { PartitionedFill } from "./partitioned_fill.ts";
import { SaveFailure } from "./save_failure.ts";
import { type FoundEntry, RunList, statisticsOf } from "./run_list.ts";
import {
  type BlockLocation,
  IndexDamagedError,
  type IndexEntries,
  type IndexFill,
  type IndexStatistics,
  type ScoreIndex,
} from "./score_index.ts";
import { writeTable } from "./write_table.ts";

/** An index on disk. */
export class DiskIndex implements ScoreIndex {
  generation = 0;
  /** @internal What it knew before it was begun anew. */
  former: FormerRuns | undefined;
  readonly #options: DiskIndexOptions;
  readonly #tableEntriesMax: number;
  readonly #pause: () => Promise<void>;
  readonly #files: IndexFiles;
  readonly #entry = new Uint32Array(ENTRY_WORDS);
  readonly #newScores = new NewScores();
  #tables = new EntryTables();
  /** Packs that were there when a table was frozen. */
  #frozenPackCount = 0;
  #packs = new PackTable();
  #suspectPacks = new Set<number>();
  #runs = new RunList();
  #compaction: Compaction;
  #unsavedPacks = 0;
  /** The first so many packs have all their entries in runs: these, and no others, the manifest may name. */
  #packsInRuns = 0;
  readonly #unsaved: SaveFailure;
  /** There is something that the files do not have. */
  #dirty = false;
  #rebuilding = false;
  #closed = false;
  readonly #damage = new DamageMemory();
  #work: Promise<void> | undefined;
  #flushWanted = false;
  readonly #debt: MergeDebt;
  readonly #memory: MemoryLimit;
  #fill: IndexFill | undefined;

  private constructor(options: DiskIndexOptions) {
    this.#options = options;
    this.#tableEntriesMax = options.tableEntriesMax ?? TABLE_ENTRIES_MAX;
    this.#files = new IndexFiles(options);
    this.#memory = new MemoryLimit(options);
    this.#debt = new MergeDebt(this.#tableEntriesMax);
    this.#unsaved = new SaveFailure(options.disk.location, options.onEvent);
    this.#pause = options.pause ?? ((): Promise<void> => Promise.resolve());
    this.#compaction = this.#newCompaction();
  }

  /**
   * Opens the index in a directory. One that is damaged, of another archive or
   * of another version is discarded, with an event, and the new one is empty.
   */
  static open(options: DiskIndexOptions): DiskIndex {
    const index = new DiskIndex(options);
    try {
      index.#load();
    } catch (error) {
      if (!(error instanceof IndexDamagedError)) throw error;
      options.onEvent(indexDiscarded(error.message));
      index.#files.clear();
    }
    return index;
  }

  get packCount(): number {
    return this.#packs.count;
  }

  get statistics(): IndexStatistics {
    return statisticsOf(this.#tables, this.#runs);
  }

  get shortage(): string | undefined {
    const countMax = UNSAVED_TABLES_MAX * this.#tableEntriesMax;
    return this.#tables.count < countMax ? undefined : this.#unsaved.reason;
  }

  get restsOnCopies(): boolean {
    return this.#packs.restOnCopies;
  }

  get(scores: Uint8Array, offset: number, location: BlockLocation): boolean {
    return this.#locate(scores, offset, location, false);
  }

  getCheaply(
    scores: Uint8Array,
    offset: number,
    location: BlockLocation,
  ): boolean {
    return this.#locate(scores, offset, location, true);
  }

  findNew(scores: Uint8Array): Uint8Array {
    return this.#damage.guard(() =>
      this.#newScores.find(scores, [this.#tables, this.#runs])
    );
  }

  async requireRoom(): Promise<void> {
    if (this.shortage === undefined) return;
    await this.flush();
    if (this.shortage !== undefined) throw indexFull(this.shortage);
  }

  async addPack(name: string, entries: IndexEntries): Promise<void> {
    await this.requireRoom();
    const pack = this.#packs.add(name, entries.unproven);
    for (let position = 0; position < entries.count; position++) {
      setEntry(this.#entry, entries, { pack, position });
      this.#tables.set(this.#entry);
    }
    this.#unsavedPacks++;
    this.#dirty = true;
    this.#debt.add(entries.count);
    if (
      this.#tables.addedCount >= this.#tableEntriesMax ||
      this.#unsavedPacks >= UNSAVED_PACKS_MAX ||
      this.#unsaved.reason !== undefined
    ) this.#flushWanted = true;
    const work = this.#startWork();
    if (this.#debt.isTooMuch) await work;
  }

  suspect(scores: Uint8Array, offset: number): void {
    const found = this.#find(scores, offset, false);
    if (found === undefined) return;
    const entry = found.words.slice(found.at, found.at + ENTRY_WORDS);
    setSuspect(entry, 0);
    this.#tables.set(entry);
    this.#suspectPacks.add(entry[PACK_WORD] as number);
    this.#dirty = true;
  }

  isSuspectPack(pack: number): boolean {
    return this.#suspectPacks.has(pack);
  }

  knowsPack(name: string): boolean {
    return this.#packs.has(name);
  }

  packName(pack: number): string {
    return this.#packs.name(pack);
  }

  async beginRebuild(): Promise<void> {
    // Whoever adds meanwhile may have begun more.
    do await this.#endWork(); while (this.#work !== undefined && !this.#closed);
    this.generation++;
    this.#rebuilding = true;
    this.#damage.error = undefined;
    this.#compaction.close();
    // Of attempts that failed the first is kept: it knew the most.
    this.former ??= new FormerRuns(this.#tables, this.#runs, this.#packs);
    this.#runs.close();
    this.#tables = new EntryTables();
    this.#packs = new PackTable();
    this.#suspectPacks = new Set();
    this.#unsavedPacks = 0;
    this.#packsInRuns = 0;
    this.#dirty = false;
    try {
      this.#files.clear();
    } catch (error) {
      this.#fail(error);
    }
  }

  fill(entryCountMax: number): IndexFill {
    const flushEntries = this.#tableEntriesMax;
    if (entryCountMax <= UNSAVED_TABLES_MAX * flushEntries) {
      return new DirectFill(this);
    }
    return this.#fill = new PartitionedFill({
      files: this.#files,
      packs: this.#packs,
      runs: this.#runs,
      hash: this.#options.hash,
      entryCountMax,
      flushEntries,
      onRun: () => this.#memory.limit(this.#runs),
      fail: (error) => this.#fail(error),
      pause: this.#pause,
    });
  }

  async endRebuild(): Promise<void> {
    this.#rebuilding = false;
    this.#dropFormer();
    this.#dirty = true;
    await this.flush();
  }

  async flush(): Promise<void> {
    await this.#work;
    // Twice where an attempt before failed: its table is still to be written.
    for (let pass = 0; pass < 2 && this.#dirty; pass++) {
      this.#flushWanted = true;
      await this.#startWork();
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#fill?.discard();
    await this.#endWork();
    await this.flush();
    while (this.#work !== undefined) await this.#work;
    // Whoever still adds must not have saved, as all there is, what has no runs any more.
    this.#work = Promise.resolve();
    this.#compaction.close();
    this.#runs.close();
    this.#dropFormer();
  }

  #dropFormer(): void {
    this.former?.close();
    this.former = undefined;
  }

  #load(): void {
    const saved = this.#files.load();
    if (saved === undefined) return this.#files.clear();
    this.#packs = saved.packs;
    this.#suspectPacks = new Set(saved.suspectPacks);
    this.#runs = saved.runs;
    this.#packsInRuns = saved.packs.count;
    this.#compaction = this.#newCompaction();
    this.#memory.limit(this.#runs);
  }

  #newCompaction(): Compaction {
    return new Compaction({
      files: this.#files,
      runs: this.#runs,
      flushEntries: this.#tableEntriesMax,
      hash: this.#options.hash,
      save: () => this.#save(),
      pause: () => this.#pause(),
    });
  }

  #locate(
    scores: Uint8Array,
    offset: number,
    location: BlockLocation,
    cheaply: boolean,
  ): boolean {
    const found = this.#find(scores, offset, cheaply);
    if (found === undefined) return false;
    readLocation(found.words, found.at, location);
    location.paged = !this.#tables.holds(found);
    return true;
  }

  #find(
    scores: Uint8Array,
    offset: number,
    cheaply: boolean,
  ): FoundEntry | undefined {
    return this.#damage.guard(() => {
      setKey(this.#entry, scores, offset);
      return this.#tables.find(this.#entry) ??
        this.#runs.find(this.#entry, cheaply);
    });
  }

  /** Does what is to be done, unless that is going on; settles, without fail, when all is done. */
  #startWork(): Promise<void> {
    this.#work ??= this.#doWork().catch((error: unknown) => {
      this.#flushWanted = false;
      this.#debt.clear();
      this.#dirty = true;
      this.#fail(error);
    }).finally(() => {
      this.#work = undefined;
    });
    return this.#work;
  }

  /** Waits until nothing writes files. */
  async #endWork(): Promise<void> {
    this.#debt.clear();
    this.#flushWanted = false;
    await this.#work;
  }

  async #doWork(): Promise<void> {
    for (;;) {
      await this.#pause();
      if (this.#damage.error !== undefined) return;
      if (this.#flushWanted) await this.#flushTable();
      else {
        const share = this.#debt.take();
        if (share === 0) return;
        await this.#compaction.step(share);
      }
    }
  }

  async #flushTable(): Promise<void> {
    this.#flushWanted = false;
    let table = this.#tables.frozen;
    // Else an attempt before failed.
    if (table === undefined) {
      table = this.#tables.freeze();
      this.#frozenPackCount = this.#packs.count;
      this.#unsavedPacks = 0;
      this.#dirty = false;
    }
    if (table.count > 0) {
      const run = await writeTable(table, {
        files: this.#files,
        hash: this.#options.hash,
        pause: () => this.#pause(),
      });
      this.#runs.recent.push({ run, level: 0, first: 0 });
    }
    this.#tables.release();
    this.#packsInRuns = this.#frozenPackCount;
    await this.#save();
  }

  /** Half a rebuilt index must not be found by a later process: it is not named. */
  async #save(): Promise<void> {
    this.#memory.limit(this.#runs);
    if (this.#rebuilding) return;
    await this.#files.save({
      packs: this.#packs,
      packCount: this.#packsInRuns,
      suspectPacks: this.#suspectPacks,
      runs: this.#runs,
    });
    this.#unsaved.end();
  }

  /**
   * An index is a cache: a full disk must not stop a checkpoint, so a failure
   * is reported, and tried again later, with the room that former files took.
   * What to throw where nothing goes on.
   */
  #fail(error: unknown): Error {
    this.#compaction.abandon();
    if (error instanceof IndexDamagedError) return this.#damage.error = error;
    this.#dropFormer();
    this.#unsaved.begin(error);
    return indexFull(this.#unsaved.reason as string);
  }
}
