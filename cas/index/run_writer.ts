/**
 * Writes a run: entries go in by ascending key, a durable file comes out.
 *
 * @module
 */

import type { DiskFile } from "../disk/disk.ts";
import type { PlainHash } from "../score.ts";
import type { WordPool } from "./word_pool.ts";
import { ENTRY_WORDS } from "./entry.ts";
import {
  FILTER_BLOCK_WORDS,
  filterBlockCount,
  type FilterShape,
  KeyFilter,
} from "./key_filter.ts";
import {
  bytesOf,
  checksumOf,
  encodeFooter,
  FOOTER_LENGTH,
  PAGE_ENTRIES,
  PAGE_LENGTH,
  PAGE_WORDS,
  sealPage,
} from "./run_format.ts";

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
  /** At least as many as entries will come: sizes the filter. */
  readonly entriesMax: number;
  /** What its filter is like. */
  readonly filter: FilterShape;
  /** Into how many equal pieces all keys are divided, of which it covers one: 1 when absent. */
  readonly pieces?: number;
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
  /** Filter and fences, as in the file; lent by the pool, now the owner's of the run. */
  readonly summary: Uint32Array<ArrayBuffer>;
}

/** Writes one run. */
export class RunWriter {
  readonly #options: RunWriterOptions;
  readonly #buffer: Uint32Array<ArrayBuffer>;
  /** The filter, then the fences: one piece of memory, since it may be large. */
  readonly #summary: Uint32Array<ArrayBuffer>;
  readonly #filter: KeyFilter;
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
    const { entriesMax, filter, pool } = options;
    const filterWords = filterBlockCount(entriesMax, filter) *
      FILTER_BLOCK_WORDS;
    const fences = Math.ceil(entriesMax / PAGE_ENTRIES);
    this.#buffer = pool.take(BUFFER_PAGES * PAGE_WORDS);
    this.#summary = pool.take(filterWords + fences);
    this.#summary.fill(0);
    const words = this.#summary.subarray(0, filterWords);
    this.#filter = new KeyFilter(words, {
      wordCount: filter.wordCount,
      pieces: options.pieces ?? 1,
    });
  }

  /** How many entries were added. */
  get entryCount(): number {
    return this.#entryCount;
  }

  /** Appends the entry at word `at` of `words`, copied. Its key is greater than all before. */
  add(words: Uint32Array, at: number): void {
    const buffer = this.#buffer;
    const page = this.#bufferedPages * PAGE_WORDS;
    const target = page + this.#pageEntries * ENTRY_WORDS;
    for (let word = 0; word < ENTRY_WORDS; word++) {
      buffer[target + word] = words[at + word] as number;
    }
    this.#filter.add(words, at);
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
    this.#writeBuffer();
    const { file, run, hash, filter } = this.#options;
    const filterWords = this.#filter.words.length;
    const summary = this.#summary.subarray(0, filterWords + this.#pageCount);
    this.#write(bytesOf(summary));
    this.#write(encodeFooter({
      run,
      entryCount: this.#entryCount,
      pageCount: this.#pageCount,
      filterBlocks: filterWords / FILTER_BLOCK_WORDS,
      filterWords: filter.wordCount,
      pieces: this.#options.pieces ?? 1,
      summary: checksumOf(bytesOf(summary), hash),
    }, hash));
    await file.sync();
    this.#releaseBuffer();
    const size = this.#writtenBytes;
    return {
      description: { run, entryCount: this.#entryCount, size },
      summary,
    };
  }

  /** Gives the memory back: the run will not be finished. */
  discard(): void {
    // One that was finished has given away its summary.
    if (!this.#hasMemory) return;
    this.#releaseBuffer();
    this.#options.pool.release(this.#summary);
  }

  /** Once: memory that is given back twice would be lent twice. */
  #releaseBuffer(): void {
    this.#hasMemory = false;
    this.#options.pool.release(this.#buffer);
  }

  #endPage(): void {
    const { run, hash } = this.#options;
    const start = this.#bufferedPages * PAGE_WORDS;
    const words = this.#buffer.subarray(start, start + PAGE_WORDS);
    const page = this.#pageCount;
    this.#summary[this.#filter.words.length + page] = words[0] as number;
    sealPage(words, { run, page, count: this.#pageEntries }, hash);
    this.#pageCount++;
    this.#pageEntries = 0;
    if (++this.#bufferedPages === BUFFER_PAGES) this.#writeBuffer();
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

/** Bytes of a run's file. */
export function runSize(
  counts: { readonly pageCount: number; readonly filterBlocks: number },
): number {
  return counts.pageCount * (PAGE_LENGTH + 4) +
    counts.filterBlocks * FILTER_BLOCK_WORDS * 4 + FOOTER_LENGTH;
}
