/**
 * Fills the base of an index that is empty, however much comes: entries are
 * parted by the first bits of their keys into files, and each of these is then
 * sorted in memory. So each entry is written twice, where merging what comes
 * would write it about ten times.
 *
 * Memory: 64 KiB for each partition, and the entries of one of them.
 *
 * @module
 */

import { ArchiveError } from "../errors.ts";
import type { PlainHash } from "../score.ts";
import { BASE_RUN_FLUSHES } from "./compaction.ts";
import { compareKeys, ENTRY_WORDS, PACK_WORD, setEntry } from "./entry.ts";
import type { IndexFiles } from "./index_files.ts";
import { LARGE_FILTER } from "./key_filter.ts";
import type { PackTable } from "./pack_table.ts";
import { Partition, type PartitionSlice } from "./partition.ts";
import { KEY_END } from "./run_cursor.ts";
import type { RunList } from "./run_list.ts";
import { type FinishedRun, RunWriter } from "./run_writer.ts";
import type { IndexEntries, IndexFill } from "./score_index.ts";
import { sortedSlice } from "./sort_slice.ts";

/** Entries that are sorted at once, to those of a flushed run. */
const PARTITION_FLUSHES = 16;
/** Bits of a key by which partitions are told apart, at most: each has a file open. */
const PARTITION_BITS_MAX = 9;
/** A partition takes so many times as many entries as it gets of keys that are spread evenly. */
const UNEVENNESS_MAX = 2;

/** What filling needs. */
export interface PartitionedFillOptions {
  /** Makes and removes files. */
  readonly files: IndexFiles;
  /** Computes checksums. */
  readonly hash: PlainHash;
  /** Gives packs their numbers. */
  readonly packs: PackTable;
  /** Takes the runs of the base, which has none. */
  readonly runs: RunList;
  /** At most so many entries come. */
  readonly entryCountMax: number;
  /** Entries of a run as it is flushed. */
  readonly flushEntries: number;
  /** Told of every run that was added. */
  readonly onRun: () => void;
  /** Told what went wrong with the files; what is thrown then. */
  readonly fail: (error: unknown) => Error;
  /** Lets other work go first. */
  readonly pause: () => Promise<void>;
}

/** Fills the base. */
export class PartitionedFill implements IndexFill {
  readonly #options: PartitionedFillOptions;
  readonly #partitionBits: number;
  /** Of these, so many tell runs of the base apart. */
  readonly #runBits: number;
  readonly #entry = new Uint32Array(ENTRY_WORDS);
  /** Numbers of packs that had entries that were not taken. */
  readonly #partial = new Set<number>();
  #partitions: Partition[] = [];
  #work: Promise<void> | undefined;
  #isOver = false;

  /** Writes nothing yet. */
  constructor(options: PartitionedFillOptions) {
    this.#options = options;
    const flushes = options.entryCountMax / options.flushEntries;
    const bits = Math.ceil(Math.log2(flushes / PARTITION_FLUSHES));
    this.#partitionBits = Math.min(PARTITION_BITS_MAX, Math.max(1, bits));
    const runBits = Math.ceil(Math.log2(flushes / BASE_RUN_FLUSHES));
    this.#runBits = Math.min(this.#partitionBits, Math.max(0, runBits));
  }

  async addPack(name: string, entries: IndexEntries): Promise<boolean> {
    const { packs, pause } = this.#options;
    await this.#attempt(async () => {
      if (this.#partitions.length === 0) this.#createPartitions();
      const pack = packs.add(name, entries.unproven);
      const shift = 32 - this.#partitionBits;
      const entry = this.#entry;
      for (let position = 0; position < entries.count; position++) {
        setEntry(entry, entries, { pack, position });
        const partition = this.#partitions[(entry[0] as number) >>> shift];
        if (!(partition as Partition).add(entry)) this.#partial.add(pack);
      }
      await pause();
    });
    return true;
  }

  async finish(): Promise<ReadonlySet<string>> {
    const { packs } = this.#options;
    await this.#attempt(async () => {
      const most = Math.max(0, ...this.#partitions.map((it) => it.entryCount));
      const words = new Uint32Array(most * ENTRY_WORDS);
      const runCount = 2 ** this.#runBits;
      const each = this.#partitions.length / runCount;
      for (let run = 0; run < runCount; run++) {
        const parts = this.#partitions.slice(run * each, (run + 1) * each);
        await this.#writeRun(parts, KEY_END / runCount * run, words);
      }
    });
    this.#isOver = true;
    this.#partitions = [];
    return new Set([...this.#partial].map((pack) => packs.name(pack)));
  }

  async discard(): Promise<void> {
    this.#isOver = true;
    await this.#work?.catch(() => {});
    this.#removePartitions();
  }

  /** Does a part of the work, all of which is given up where that fails. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    this.#throwIfOver();
    try {
      this.#work = work();
      await this.#work;
    } catch (error) {
      this.#isOver = true;
      this.#removePartitions();
      throw error instanceof ArchiveError ? error : this.#options.fail(error);
    }
  }

  #removePartitions(): void {
    for (const partition of this.#partitions.splice(0)) partition.discard();
  }

  #createPartitions(): void {
    const { files, hash, entryCountMax, flushEntries } = this.#options;
    const count = 2 ** this.#partitionBits;
    const entriesMax = UNEVENNESS_MAX *
      Math.ceil(Math.max(entryCountMax / count, flushEntries));
    const sharedBits = this.#partitionBits;
    for (let i = 0; i < count; i++) {
      this.#partitions.push(
        new Partition({ files, hash, sharedBits, entriesMax }),
      );
    }
  }

  /** Writes the entries of neighbouring partitions to a run, if there are any. */
  async #writeRun(
    parts: readonly Partition[],
    first: number,
    words: Uint32Array,
  ): Promise<void> {
    const entriesMax = parts.reduce((sum, it) => sum + it.entryCount, 0);
    if (entriesMax === 0) return parts.forEach((part) => part.discard());
    const { files, runs, hash, onRun, pause } = this.#options;
    const { file, run } = files.createRun();
    let finished: FinishedRun;
    const writer = new RunWriter({
      file,
      run,
      entriesMax,
      filter: LARGE_FILTER,
      hash,
      pool: files.pool,
    });
    try {
      for (const part of parts) {
        for (const slice of part.take(words)) {
          this.#writeSlice(writer, slice);
          await writer.settle();
          await pause();
          this.#throwIfOver();
        }
      }
      finished = await writer.finish();
    } catch (error) {
      writer.discard();
      files.removeRun(run);
      throw error;
    } finally {
      file.close();
    }
    runs.base.push({ run: files.openFinished(finished), first });
    onRun();
  }

  /** Writes a slice by keys, and of equal keys the first. */
  #writeSlice(writer: RunWriter, slice: PartitionSlice): void {
    const { words } = slice;
    let last = -1;
    for (const at of sortedSlice(slice)) {
      if (last >= 0 && compareKeys(words, last, words, at) === 0) {
        this.#partial.add(words[at + PACK_WORD] as number);
        continue;
      }
      writer.add(words, at);
      last = at;
    }
  }

  #throwIfOver(): void {
    if (!this.#isOver) return;
    throw new ArchiveError("Closed", "Cannot fill the index: it was closed");
  }
}
