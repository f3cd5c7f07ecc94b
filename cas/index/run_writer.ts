/**
 * Writes a run: entries go in by ascending key, a durable file comes out.
 *
 * @module
 */

import type { DiskFile } from "../disk/disk.ts";
import type { PlainHash } from "../score.ts";
import type { WordPool } from "./word_pool.ts";
import { ENTRY_WORDS } from "./entry.ts";
import { buildFuse, releaseTable } from "./fuse_builder.ts";
import { FUSE_KEY_WORDS, type FuseTable } from "./fuse_table.ts";
import {
  type FilterShape,
  KeyFilter,
  TABLE_KEY_WORD,
  tableKeysMax,
} from "./key_filter.ts";
import {
  bytesOf,
  checksumOf,
  encodeFooter,
  PAGE_ENTRIES,
  PAGE_LENGTH,
  PAGE_WORDS,
  sealPage,
  summaryChecksum,
} from "./run_format.ts";
import { type RunSummary, summaryPieces } from "./run_summary.ts";

/** Pages written at once. */
const BUFFER_PAGES = 64;
/** Bytes between two syncs: a sync of a whole large run at its end would take seconds. */
const SYNC_BYTES = 32 * 1024 * 1024;

/** What a run is made of. */
export interface RunWriterOptions {
  /** An empty file; the writer does not close it. */
  readonly file: DiskFile;
  /** The run's number, never used before in this index. */
  readonly run: number;
  /** At least as many as entries will come. */
  readonly entriesMax: number;
  /** What its filter is like. */
  readonly filter: FilterShape;
  /** What the tables of its filter are tried with; chosen by their keys when absent. */
  readonly filterSeeds?: readonly number[];
  /** Computes checksums. */
  readonly hash: PlainHash;
  /** Lends the memory. */
  readonly pool: WordPool;
}

/** A finished run, as the manifest names it. */
export interface RunDescription {
  /** Its number. */
  readonly run: number;
  /** How many entries it has. */
  readonly entryCount: number;
  /** Bytes of its file. */
  readonly size: number;
}

/** A run as it was written, with what else would be read again at once. */
export interface FinishedRun {
  /** As the manifest names it. */
  readonly description: RunDescription;
  /** Its filter and fences; lent by the pool, now the owner's of the run. */
  readonly summary: RunSummary;
}

/** Writes one run. */
export class RunWriter {
  readonly #options: RunWriterOptions;
  readonly #buffer: Uint32Array<ArrayBuffer>;
  readonly #fences: Uint32Array<ArrayBuffer>;
  /** Keys of entries that are in no table yet. */
  readonly #keys: Uint32Array<ArrayBuffer>;
  readonly #tables: (FuseTable | undefined)[] = [];
  readonly #keysMax: number;
  #keyCount = 0;
  #entryCount = 0;
  #pageCount = 0;
  #bufferedPages = 0;
  #pageEntries = 0;
  #writtenBytes = 0;
  #syncedBytes = 0;
  #hasMemory = true;

  /** Begins a run. */
  constructor(options: RunWriterOptions) {
    this.#options = options;
    const { entriesMax, pool } = options;
    this.#buffer = pool.take(BUFFER_PAGES * PAGE_WORDS);
    this.#fences = pool.take(Math.ceil(entriesMax / PAGE_ENTRIES));
    this.#keysMax = Math.min(entriesMax, tableKeysMax(options.filter));
    this.#keys = pool.take(this.#keysMax * FUSE_KEY_WORDS);
  }

  /** How many entries were added. */
  get entryCount(): number {
    return this.#entryCount;
  }

  /** Appends the entry at word `at` of `words`, copied. Its key is greater than all before. Throws `RangeError` beyond `entriesMax`. */
  add(words: Uint32Array, at: number): void {
    if (this.#entryCount === this.#options.entriesMax) throw this.#full();
    const buffer = this.#buffer;
    const page = this.#bufferedPages * PAGE_WORDS;
    const target = page + this.#pageEntries * ENTRY_WORDS;
    for (let word = 0; word < ENTRY_WORDS; word++) {
      buffer[target + word] = words[at + word] as number;
    }
    const keys = this.#keys;
    const key = this.#keyCount++ * FUSE_KEY_WORDS;
    keys[key] = words[at + TABLE_KEY_WORD] as number;
    keys[key + 1] = words[at + TABLE_KEY_WORD + 1] as number;
    this.#entryCount++;
    if (++this.#pageEntries === PAGE_ENTRIES) this.#endPage();
  }

  /** Syncs what has gathered, when it is much. Nothing may be added meanwhile. */
  async settle(): Promise<void> {
    if (this.#writtenBytes - this.#syncedBytes < SYNC_BYTES) return;
    await this.#options.file.sync();
    this.#syncedBytes = this.#writtenBytes;
  }

  /** Completes the file and makes it durable. */
  async finish(): Promise<FinishedRun> {
    if (this.#pageEntries > 0) this.#endPage();
    if (this.#keyCount > 0) this.#endTable();
    this.#writeBuffer();
    const { file, run, hash, filter } = this.#options;
    const { tablePages } = filter;
    const fences = this.#fences.subarray(0, this.#pageCount);
    const tables = this.#tables;
    const pieces = summaryPieces(tables, fences);
    for (const piece of pieces) this.#write(piece);
    const checksums = pieces.map((piece) => checksumOf(piece, hash));
    this.#write(encodeFooter({
      run,
      entryCount: this.#entryCount,
      pageCount: this.#pageCount,
      tableBytes: tables.reduce((sum, it) => sum + (it?.bytes.length ?? 0), 0),
      tablePages,
      summary: summaryChecksum(checksums, hash),
    }, hash));
    await file.sync();
    this.#releaseBuffers();
    const size = this.#writtenBytes;
    return {
      description: { run, entryCount: this.#entryCount, size },
      summary: { filter: new KeyFilter(tables, tablePages, fences), fences },
    };
  }

  /** Gives the memory back: the run will not be finished. */
  discard(): void {
    // One that was finished has given away its summary.
    if (!this.#hasMemory) return;
    this.#releaseBuffers();
    const { pool } = this.#options;
    for (const table of this.#tables) {
      if (table !== undefined) releaseTable(table.bytes, pool);
    }
    pool.release(this.#fences);
  }

  /** Once: memory that is given back twice would be lent twice. */
  #releaseBuffers(): void {
    this.#hasMemory = false;
    const { pool } = this.#options;
    pool.release(this.#buffer);
    pool.release(this.#keys);
  }

  #endPage(): void {
    const { run, hash } = this.#options;
    const start = this.#bufferedPages * PAGE_WORDS;
    const words = this.#buffer.subarray(start, start + PAGE_WORDS);
    const page = this.#pageCount;
    this.#fences[page] = words[0] as number;
    sealPage(words, { run, page, count: this.#pageEntries }, hash);
    this.#pageCount++;
    this.#pageEntries = 0;
    if (this.#keyCount === this.#keysMax) this.#endTable();
    if (++this.#bufferedPages === BUFFER_PAGES) this.#writeBuffer();
  }

  /** A key that is in no table would never be found. */
  #full(): RangeError {
    const { run, entriesMax } = this.#options;
    return new RangeError(
      `Cannot add to run ${run}: it has the ${entriesMax} entries it was made for`,
    );
  }

  #endTable(): void {
    const { pool, filter, filterSeeds: seeds } = this.#options;
    const build = { bits: filter.bits, pool, ...(seeds && { seeds }) };
    this.#tables.push(buildFuse(this.#keys, this.#keyCount, build));
    this.#keyCount = 0;
  }

  #writeBuffer(): void {
    const length = this.#bufferedPages * PAGE_LENGTH;
    this.#write(bytesOf(this.#buffer).subarray(0, length));
    this.#bufferedPages = 0;
  }

  #write(bytes: Uint8Array): void {
    this.#options.file.write(bytes, this.#writtenBytes);
    this.#writtenBytes += bytes.length;
  }
}
