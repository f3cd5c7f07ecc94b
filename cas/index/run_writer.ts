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
  FILTER_CHUNK_WORDS,
  filterBlockCount,
  filterChunkCount,
  filterChunkWords,
  type FilterShape,
  KeyFilter,
} from "./key_filter.ts";
import {
  bytesOf,
  encodeFooter,
  FOOTER_LENGTH,
  PAGE_ENTRIES,
  PAGE_LENGTH,
  PAGE_WORDS,
  sealPage,
  summaryChecksum,
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

/** What is in memory of a run. */
export interface RunSummary {
  /** Absent where it may not be kept. */
  readonly filter?: KeyFilter;
  /** First words of the first keys of the pages, and perhaps more memory behind them. */
  readonly fences: Uint32Array<ArrayBuffer>;
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
  readonly #filter: KeyFilter;
  readonly #filterBlocks: number;
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
    this.#buffer = pool.take(BUFFER_PAGES * PAGE_WORDS);
    this.#fences = pool.take(Math.ceil(entriesMax / PAGE_ENTRIES));
    this.#filterBlocks = filterBlockCount(entriesMax, filter);
    const chunks = Array.from(
      { length: filterChunkCount(this.#filterBlocks) },
      () => pool.take(FILTER_CHUNK_WORDS).fill(0),
    );
    this.#filter = new KeyFilter(chunks, {
      wordCount: filter.wordCount,
      pieces: options.pieces ?? 1,
      blockCount: this.#filterBlocks,
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
    const fences = this.#fences.subarray(0, this.#pageCount);
    const pieces = [
      ...this.#filter.chunks.map((chunk, i) =>
        chunk.subarray(0, filterChunkWords(this.#filterBlocks, i))
      ),
      fences,
    ];
    for (const piece of pieces) this.#write(bytesOf(piece));
    this.#write(encodeFooter({
      run,
      entryCount: this.#entryCount,
      pageCount: this.#pageCount,
      filterBlocks: this.#filterBlocks,
      filterWords: filter.wordCount,
      pieces: this.#options.pieces ?? 1,
      summary: summaryChecksum(pieces, hash),
    }, hash));
    await file.sync();
    this.#releaseBuffer();
    const size = this.#writtenBytes;
    return {
      description: { run, entryCount: this.#entryCount, size },
      summary: { filter: this.#filter, fences },
    };
  }

  /** Gives the memory back: the run will not be finished. */
  discard(): void {
    // One that was finished has given away its summary.
    if (!this.#hasMemory) return;
    this.#releaseBuffer();
    releaseSummary(
      { filter: this.#filter, fences: this.#fences },
      this.#options.pool,
    );
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
    this.#fences[page] = words[0] as number;
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

/** Gives back what is in memory of a run. */
export function releaseSummary(
  { filter, fences }: RunSummary,
  pool: WordPool,
): void {
  pool.release(fences);
  filter?.chunks.forEach((chunk) => pool.release(chunk));
}

/** Bytes of a run's file. */
export function runSize(
  counts: { readonly pageCount: number; readonly filterBlocks: number },
): number {
  return counts.pageCount * (PAGE_LENGTH + 4) +
    counts.filterBlocks * FILTER_BLOCK_WORDS * 4 + FOOTER_LENGTH;
}
