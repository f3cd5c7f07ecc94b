/**
 * Writes a run: entries go in by ascending key, a durable file comes out.
 *
 * @module
 */

import type { DiskFile } from "../disk/disk.ts";
import type { PlainHash } from "../score.ts";
import { ENTRY_WORDS } from "./entry.ts";
import {
  FILTER_BLOCK_WORDS,
  filterBlockCount,
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
  /** Computes checksums. */
  readonly hash: PlainHash;
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

/** Writes one run. */
export class RunWriter {
  readonly #options: RunWriterOptions;
  readonly #buffer = new Uint32Array(BUFFER_PAGES * PAGE_WORDS);
  readonly #fences: Uint32Array;
  readonly #filter: KeyFilter;
  #entryCount = 0;
  #pageCount = 0;
  #bufferedPages = 0;
  #pageEntries = 0;
  #writtenBytes = 0;
  #syncedBytes = 0;

  /** Begins a run. */
  constructor(options: RunWriterOptions) {
    this.#options = options;
    const { entriesMax } = options;
    this.#fences = new Uint32Array(Math.ceil(entriesMax / PAGE_ENTRIES));
    this.#filter = new KeyFilter(
      new Uint32Array(filterBlockCount(entriesMax) * FILTER_BLOCK_WORDS),
    );
  }

  /** Appends the entry at word `at` of `words`, copied. Its key is greater than all before. */
  add(words: Uint32Array, at: number): void {
    const page = this.#bufferedPages * PAGE_WORDS;
    const target = page + this.#pageEntries * ENTRY_WORDS;
    for (let word = 0; word < ENTRY_WORDS; word++) {
      this.#buffer[target + word] = words[at + word] as number;
    }
    this.#filter.add(words, at);
    this.#entryCount++;
    if (++this.#pageEntries === PAGE_ENTRIES) this.#endPage();
  }

  /** Completes the file and makes it durable. */
  finish(): RunDescription {
    if (this.#pageEntries > 0) this.#endPage();
    this.#writeBuffer();
    const { file, run, hash } = this.#options;
    const summary = new Uint32Array(
      this.#pageCount + this.#filter.words.length,
    );
    summary.set(this.#fences.subarray(0, this.#pageCount));
    summary.set(this.#filter.words, this.#pageCount);
    this.#write(bytesOf(summary));
    this.#write(encodeFooter({
      run,
      entryCount: this.#entryCount,
      pageCount: this.#pageCount,
      filterBlocks: this.#filter.words.length / FILTER_BLOCK_WORDS,
      summary: checksumOf(bytesOf(summary), hash),
    }, hash));
    file.syncNow();
    return { run, entryCount: this.#entryCount, size: this.#writtenBytes };
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
    if (this.#writtenBytes - this.#syncedBytes < SYNC_BYTES) return;
    this.#options.file.syncNow();
    this.#syncedBytes = this.#writtenBytes;
  }
}

/** Bytes of a run's file. */
export function runSize(
  counts: { readonly pageCount: number; readonly filterBlocks: number },
): number {
  return counts.pageCount * (PAGE_LENGTH + 4) +
    counts.filterBlocks * FILTER_BLOCK_WORDS * 4 + FOOTER_LENGTH;
}
