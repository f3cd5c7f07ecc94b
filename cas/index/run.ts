/**
 * A run that is finished: answers from one page read, after its filter said
 * that there is something to be found. Fences and filter are loaded when first
 * needed, so that opening a run reads only its footer; the filter is not where
 * there is no memory for it, and every question then reads a page.
 *
 * @module
 */

import type { DiskFile } from "../disk/disk.ts";
import type { PlainHash } from "../score.ts";
import { compareKeys, ENTRY_WORDS } from "./entry.ts";
import type { KeyBatch } from "./key_batch.ts";
import type { KeyFilter } from "./key_filter.ts";
import {
  bytesOf,
  checkPage,
  decodeFooter,
  FOOTER_LENGTH,
  PAGE_ENTRIES,
  PAGE_LENGTH,
  PAGE_WORDS,
  type RunFooter,
  runSize,
} from "./run_format.ts";
import { readSummary, releaseSummary, type RunSummary } from "./run_summary.ts";
import type { RunDescription } from "./run_writer.ts";
import type { WordPool } from "./word_pool.ts";
import { IndexDamagedError } from "./score_index.ts";

/** What a run is opened with. */
export interface RunOptions {
  /** Its file; closed with the run. */
  readonly file: DiskFile;
  /** For messages. */
  readonly display: string;
  /** What the manifest says of it. */
  readonly description: RunDescription;
  /** Computes checksums. */
  readonly hash: PlainHash;
  /** Its filter and fences, where they are in memory already. */
  readonly summary?: RunSummary;
  /** Lends the memory. */
  readonly pool: WordPool;
}

/** A sorted, immutable file of entries. */
export class Run {
  /** What the manifest says of it. */
  readonly description: RunDescription;
  /** How many pages it has. */
  readonly pageCount: number;
  readonly #options: RunOptions;
  readonly #footer: RunFooter;
  readonly #page = new Uint32Array(PAGE_WORDS);
  #summary: RunSummary | undefined;
  #keepsFilter = true;
  #filterBytes: number;
  #first = 0;
  #pageReads = 0;

  /** Opens a run. Throws `IndexDamagedError` if its file is not what `description` says. */
  constructor(options: RunOptions) {
    this.#options = options;
    this.description = options.description;
    const { run, entryCount, size } = options.description;
    const { file, hash } = options;
    const bytes = new Uint8Array(FOOTER_LENGTH);
    const length = file.read(bytes, Math.max(0, size - FOOTER_LENGTH));
    const footer = decodeFooter(bytes, hash);
    if (
      file.size !== size || length !== FOOTER_LENGTH || footer === undefined ||
      footer.run !== run || footer.entryCount !== entryCount ||
      footer.pageCount !== Math.ceil(entryCount / PAGE_ENTRIES) ||
      runSize(footer) !== size
    ) throw this.#damaged("its end is not that of the run it should be");
    this.#footer = footer;
    this.pageCount = footer.pageCount;
    this.#filterBytes = footer.tableBytes;
    this.#summary = options.summary;
  }

  /** Lends the memory. */
  get pool(): WordPool {
    return this.#options.pool;
  }

  /** Bytes of its filter: as much of it as there is use for. */
  get filterBytes(): number {
    return this.#filterBytes;
  }

  /** Nobody asks for keys with first words below `first` any more. */
  forgetBelow(first: number): void {
    this.#first = first;
    this.#trimFilter();
  }

  /** Whether its filter may be in memory. */
  get keepsFilter(): boolean {
    return this.#keepsFilter;
  }

  set keepsFilter(keeps: boolean) {
    if (keeps !== this.#keepsFilter) this.#releaseSummary();
    this.#keepsFilter = keeps;
  }

  /** Pages read to answer. */
  get pageReads(): number {
    return this.#pageReads;
  }

  /** How many pages may hold keys whose first word is from `first` to below `end`. */
  pagesWithin(first: number, end: number): number {
    return Math.max(
      0,
      upperBound(this.#fences, end - 1) - this.firstPage(first),
    );
  }

  /** The first page that may hold a key whose first word is `first` or more. */
  firstPage(first: number): number {
    return Math.max(0, upperBound(this.#fences, first - 1) - 1);
  }

  /** The words that hold found entries: valid until the next `find`. */
  get words(): Uint32Array {
    return this.#page;
  }

  /** The word of `words` at which the entry with the key of `entry` begins, or -1. Throws `IndexDamagedError`. */
  find(entry: Uint32Array): number {
    const { fences, filter } = this.#summary ??= this.#loadSummary();
    if (filter !== undefined && !filter.has(entry, 0)) return -1;
    const first = entry[0] as number;
    // The last page whose fence is not above the key; one before it, too, while fences are equal.
    let page = upperBound(fences, first) - 1;
    for (; page >= 0; page--) {
      this.#pageReads++;
      const count = this.readPages(page, this.#page);
      const found = searchPage(this.#page, count, entry);
      if (found >= 0) return found;
      const isBeforePage = compareKeys(entry, 0, this.#page, 0) < 0;
      if (!isBeforePage || fences[page] !== first) return -1;
    }
    return -1;
  }

  /** Has the next `sift` of a batch ask the filter for the open key `index`. Throws `IndexDamagedError`. */
  ask(batch: KeyBatch, index: number): void {
    const { filter } = this.#summary ??= this.#loadSummary();
    if (filter === undefined) batch.answer(index, true);
    else batch.ask(index, filter);
  }

  /** Reads pages from `page` on, as many as `target` takes; the entry count of the last of them. Throws `IndexDamagedError`. */
  readPages(page: number, target: Uint32Array): number {
    const { hash, description } = this.#options;
    const pages = { words: target, bytes: bytesOf(target) };
    this.#read(pages.bytes, page * PAGE_LENGTH);
    let count = -1;
    for (let i = 0; i * PAGE_WORDS < target.length; i++) {
      const place = { run: description.run, page: page + i };
      count = checkPage(pages, i, place, hash);
      if (count < 0) {
        throw this.#damaged(`page ${page + i} does not match its checksum`);
      }
      const isLast = page + i === this.pageCount - 1;
      if (!isLast && count !== PAGE_ENTRIES) {
        throw this.#damaged(`page ${page + i} has ${count} entries`);
      }
    }
    return count;
  }

  /** Lets go of the file. */
  close(): void {
    this.#releaseSummary();
    this.#options.file.close();
  }

  #releaseSummary(): void {
    if (this.#summary !== undefined) {
      releaseSummary(this.#summary, this.#options.pool);
    }
    this.#summary = undefined;
  }

  get #fences(): Uint32Array {
    return (this.#summary ??= this.#loadSummary()).fences;
  }

  #loadSummary(): RunSummary {
    const { pool, hash } = this.#options;
    const summary = readSummary({
      footer: this.#footer,
      read: (target, position) => this.#read(target, position),
      hash,
      pool,
    });
    if (summary === undefined) {
      throw this.#damaged("its filter does not match its checksum");
    }
    if (this.#keepsFilter) {
      this.#trimFilter(summary.filter);
      return summary;
    }
    summary.filter?.release(pool);
    return { fences: summary.fences };
  }

  #trimFilter(filter: KeyFilter | undefined = this.#summary?.filter): void {
    filter?.releaseBelow(this.#first, this.#options.pool);
    this.#filterBytes = filter?.byteCount ?? this.#filterBytes;
  }

  #read(target: Uint8Array, position: number): void {
    let length: number;
    try {
      length = this.#options.file.read(target, position);
    } catch (error) {
      throw this.#damaged((error as Error).message, error);
    }
    if (length !== target.length) {
      throw this.#damaged(
        `it ends within ${target.length} bytes at ${position}`,
      );
    }
  }

  #damaged(reason: string, cause?: unknown): IndexDamagedError {
    const message = `Cannot use ${this.#options.display}: ${reason}`;
    return new IndexDamagedError(message, { cause });
  }
}

/** How many fences are not above `key`. */
function upperBound(fences: Uint32Array, key: number): number {
  let low = 0;
  let high = fences.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((fences[middle] as number) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function searchPage(
  page: Uint32Array,
  count: number,
  entry: Uint32Array,
): number {
  let low = 0;
  let high = count - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const at = middle * ENTRY_WORDS;
    const order = compareKeys(page, at, entry, 0);
    if (order === 0) return at;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
