/**
 * The work on an index's runs that goes on beside everything else: merging
 * recent runs level by level, and merging them into the base. Each call does a
 * bounded part of it.
 *
 * @module
 */

import type { DiskFile } from "../disk/disk.ts";
import type { PlainHash } from "../score.ts";
import type { IndexFiles } from "./index_files.ts";
import { type FilterShape, LARGE_FILTER, SMALL_FILTER } from "./key_filter.ts";
import {
  chooseMerge,
  countIdle,
  isBaseDue,
  MERGE_RUNS,
  type MergeCandidate,
} from "./merge_choice.ts";
import type { Run } from "./run.ts";
import { ChainCursor, KEY_END, RunCursor } from "./run_cursor.ts";
import { PAGE_ENTRIES } from "./run_format.ts";
import { type RecentRun, type RunList, sumEntries } from "./run_list.ts";
import { RunMerge } from "./run_merge.ts";
import { RunWriter } from "./run_writer.ts";

/** Entries of a flushed run, to entries of a run of the base. */
export const BASE_RUN_FLUSHES = 64;
/** The same, of a run of recent entries: tables may be twice as full while much is added. */
const RECENT_RUN_FLUSHES = 160;
/** Recent entries below which there is no base: so many flushed runs. */
const BASE_FLUSHES_MIN = 16;
/** Entries merged at a go for one that is added: what comes next waits for so many. */
const GO_FACTOR = 4;
/** Entries merged at each level for one that is added: one would keep up, but until a merge has ended a question meets all its inputs. */
const LEVEL_FACTOR: number = 2 * GO_FACTOR;
/** Entries merged into the base for one that is added: it rewrites about seven. */
const BASE_FACTOR: number = 6 * GO_FACTOR;

/** What the work needs. */
export interface CompactionOptions {
  /** Makes and removes files. */
  readonly files: IndexFiles;
  /** The runs. */
  readonly runs: RunList;
  /** Entries of a run as it is flushed. */
  readonly flushEntries: number;
  /** Computes checksums. */
  readonly hash: PlainHash;
  /** Makes a change of the runs durable. */
  readonly save: () => Promise<void>;
  /** Lets other work go first. */
  readonly pause: () => Promise<void>;
}

/** A run in the making. */
interface Target {
  readonly run: number;
  readonly file: DiskFile;
  readonly writer: RunWriter;
}

/** Recent runs that become one of the next level. */
interface LevelMerge {
  readonly inputs: readonly RecentRun[];
  readonly merge: RunMerge;
  readonly target: Target;
}

/** Recent runs that go into the base. */
interface BaseMerge {
  readonly inputs: readonly RecentRun[];
  readonly merge: RunMerge;
  /** Into so many runs, alike in the part of the keys that they cover. */
  readonly pieces: number;
  piece: number;
  target: Target | undefined;
}

/** Merges the runs of an index. */
export class Compaction {
  readonly #options: CompactionOptions;
  readonly #levels = new Map<number, LevelMerge>();
  #base: BaseMerge | undefined;
  /** Runs to be removed when a manifest without them is durable. */
  #superseded: Run[] = [];

  /** Begins nothing. */
  constructor(options: CompactionOptions) {
    this.#options = options;
  }

  /** Does the share of the work that belongs to `addedEntries` more entries. */
  async step(addedEntries: number): Promise<void> {
    this.#begin();
    const { pause } = this.#options;
    const entriesMax = addedEntries * GO_FACTOR;
    for (const [level, merge] of [...this.#levels]) {
      for (let done = 0; done < LEVEL_FACTOR; done += GO_FACTOR) {
        if (this.#levels.get(level) !== merge) break;
        await this.#stepLevel(level, merge, entriesMax);
        await pause();
      }
    }
    for (let done = 0; done < BASE_FACTOR; done += GO_FACTOR) {
      if (this.#base === undefined) break;
      await this.#stepBase(this.#base, entriesMax);
      await pause();
    }
  }

  /** Gives up what is under way; the runs stay as they are. */
  abandon(): void {
    const targets = [...this.#levels.values(), this.#base]
      .map((merge) => merge?.target);
    this.#levels.clear();
    this.#base = undefined;
    for (const target of targets) {
      if (target !== undefined) this.#discard(target);
    }
  }

  /** Gives up what is under way, and lets go of files. */
  close(): void {
    this.abandon();
    for (const run of this.#superseded) run.close();
    this.#superseded = [];
  }

  #begin(): void {
    const { runs, flushEntries } = this.#options;
    const baseCount = sumEntries(runs.base);
    const isDue = this.#base === undefined &&
      isBaseDue(this.#candidates(), baseCount, BASE_FLUSHES_MIN * flushEntries);
    if (isDue && ![...this.#levels.keys()].some((level) => level > 0)) {
      this.#beginBase();
    }
    const levelMax = Math.max(0, ...runs.recent.map(({ level }) => level));
    for (let level = 0; level <= levelMax; level++) {
      // The base waits for these merges, so no more of them begin.
      if (isDue && this.#base === undefined && level > 0) break;
      if (!this.#levels.has(level)) this.#beginLevel(level);
    }
  }

  #candidates(): MergeCandidate[] {
    const busy = new Set(
      [...this.#levels.values(), this.#base].flatMap((it) => it?.inputs ?? []),
    );
    return this.#options.runs.recent.map((recent) => ({
      level: recent.level,
      entryCount: recent.run.description.entryCount,
      busy: busy.has(recent),
    }));
  }

  #beginLevel(level: number): void {
    const { runs, flushEntries } = this.#options;
    const entriesMax = flushEntries * RECENT_RUN_FLUSHES;
    const idle = this.#candidates();
    // Those that go into the base are the oldest of their level.
    const base = this.#base?.inputs.length ?? 0;
    const start = chooseMerge(idle.slice(base), level, entriesMax);
    if (start < 0) return;
    const inputs = runs.recent.slice(base + start, base + start + MERGE_RUNS);
    const count = sumEntries(inputs);
    this.#levels.set(level, {
      inputs,
      merge: new RunMerge(newestFirst(inputs)),
      target: this.#create(count, SMALL_FILTER),
    });
  }

  #beginBase(): void {
    const { runs, flushEntries } = this.#options;
    const inputs = runs.recent.slice(0, countIdle(this.#candidates()));
    if (inputs.length === 0) return;
    const total = sumEntries(inputs) + sumEntries(runs.base);
    this.#base = {
      inputs,
      merge: new RunMerge([
        ...newestFirst(inputs),
        new ChainCursor(runs.baseParts),
      ]),
      pieces: Math.ceil(total / (flushEntries * BASE_RUN_FLUSHES)),
      piece: 0,
      target: undefined,
    };
  }

  async #stepLevel(
    level: number,
    { inputs, merge, target }: LevelMerge,
    entriesMax: number,
  ): Promise<void> {
    const done = merge.step(target.writer, entriesMax);
    await target.writer.settle();
    if (!done) return;
    const run = await this.#finish(target);
    this.#levels.delete(level);
    const { runs } = this.#options;
    const start = runs.recent.indexOf(inputs[0] as RecentRun);
    const merged = { run, level: level + 1, first: 0 };
    runs.recent.splice(start, inputs.length, merged);
    await this.#supersede(inputs.map((it) => it.run));
  }

  async #stepBase(base: BaseMerge, entriesMax: number): Promise<void> {
    const { inputs, merge, pieces } = base;
    const { runs } = this.#options;
    const first = boundOf(base, base.piece);
    const end = boundOf(base, base.piece + 1);
    base.target ??= this.#createPiece(base, first, end);
    const { writer } = base.target;
    const done = merge.step(writer, entriesMax, end);
    await writer.settle();
    if (!done) return;
    const isLast = ++base.piece === pieces;
    const dropped: Run[] = [];
    if (writer.entryCount === 0) this.#discard(base.target);
    else {
      const run = await this.#finish(base.target);
      dropped.push(...runs.replaceBase(run, first, end));
    }
    base.target = undefined;
    if (isLast) this.#base = undefined;
    dropped.push(...runs.passToBase(inputs.length, end));
    await this.#supersede(dropped);
  }

  #createPiece(
    { inputs }: BaseMerge,
    first: number,
    end: number,
  ): Target {
    const sources = [
      ...inputs.map(({ run }) => run),
      ...this.#options.runs.baseParts
        .filter((part) => part.first < end && part.end > first)
        .map(({ run }) => run),
    ];
    const pages = sources.reduce(
      (sum, run) => sum + run.pagesWithin(first, end),
      0,
    );
    return this.#create(pages * PAGE_ENTRIES, LARGE_FILTER);
  }

  #create(entriesMax: number, filter: FilterShape): Target {
    const { files, hash } = this.#options;
    const { file, run } = files.createRun();
    const shape = { entriesMax, filter };
    const { pool } = files;
    const writer = new RunWriter({ file, run, ...shape, hash, pool });
    return { run, file, writer };
  }

  async #finish({ file, writer }: Target): Promise<Run> {
    const finished = await writer.finish();
    file.close();
    return this.#options.files.openFinished(finished);
  }

  #discard({ run, file, writer }: Target): void {
    writer.discard();
    try {
      file.close();
      this.#options.files.removeRun(run);
    } catch {
      // Removed when the index is opened next: no manifest names it.
    }
  }

  /** Makes the runs as they are now durable, and removes those that were dropped. */
  async #supersede(dropped: readonly Run[]): Promise<void> {
    this.#superseded.push(...dropped);
    const { files, save } = this.#options;
    await save();
    for (const run of this.#superseded.splice(0)) {
      run.close();
      files.removeRun(run.description.run);
    }
  }
}

function boundOf({ pieces }: BaseMerge, piece: number): number {
  return piece === pieces ? KEY_END : Math.floor(KEY_END / pieces * piece);
}

function newestFirst(inputs: readonly RecentRun[]): RunCursor[] {
  return inputs.toReversed().map(({ run, first }) =>
    new RunCursor({ run, first, end: KEY_END })
  );
}
