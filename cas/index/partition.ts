/**
 * The entries of one part of all keys on their way into the base, in the order
 * they come: a file that no manifest names, so that no later process finds it.
 * Checksums are in memory.
 *
 * @module
 */

import { equalBytes } from "../bytes.ts";
import type { DiskFile } from "../disk/disk.ts";
import type { PlainHash } from "../score.ts";
import { ENTRY_WORDS } from "./entry.ts";
import type { IndexFiles } from "./index_files.ts";
import { bytesOf, CHECKSUM_LENGTH, checksumOf } from "./run_format.ts";
import { IndexDamagedError } from "./score_index.ts";

/** Entries written at once, 64 KiB: there are hundreds of partitions, each with so much memory. */
const CHUNK_ENTRIES = 2048;
const CHUNK_WORDS: number = CHUNK_ENTRIES * ENTRY_WORDS;
const CHUNK_BYTES: number = CHUNK_WORDS * 4;
/** Slices of a partition, by the bits behind those that all of its keys share: each fits a processor's cache. */
const SLICE_BITS = 6;

/** What a partition is made with. */
export interface PartitionOptions {
  /** Makes and removes its file. */
  readonly files: IndexFiles;
  /** Computes checksums. */
  readonly hash: PlainHash;
  /** How many of the first bits all keys share. */
  readonly sharedBits: number;
  /** Entries that it takes. */
  readonly entriesMax: number;
}

/** Entries whose keys share so many bits, in the order they came. */
export interface PartitionSlice {
  /** Words that hold them and others; borrowed until the next slice. */
  readonly words: Uint32Array;
  /** Word of the first. */
  readonly start: number;
  /** How many there are. */
  readonly count: number;
  /** How many of the first bits all keys share. */
  readonly sharedBits: number;
}

/** Gathers entries, and gives them back once. */
export class Partition {
  readonly #options: PartitionOptions;
  readonly #file: DiskFile;
  readonly #run: number;
  /** Not of the pool, which would keep what nobody needs again. */
  readonly #chunk = new Uint32Array(CHUNK_WORDS);
  readonly #checksums: Uint8Array;
  /** Entries of each slice. */
  readonly #counts = new Uint32Array(2 ** SLICE_BITS);
  #chunkWords = 0;
  #chunkCount = 0;
  #isOpen = true;

  /** Makes its file. */
  constructor(options: PartitionOptions) {
    this.#options = options;
    const { files, entriesMax } = options;
    const { file, run } = files.createRun();
    this.#file = file;
    this.#run = run;
    const chunksMax = Math.ceil(entriesMax / CHUNK_ENTRIES);
    this.#checksums = new Uint8Array(chunksMax * CHECKSUM_LENGTH);
  }

  /** How many entries it has. */
  get entryCount(): number {
    return this.#chunkCount * CHUNK_ENTRIES + this.#chunkWords / ENTRY_WORDS;
  }

  /** Appends `entry`, copied; false, and nothing is changed, where it takes no more. */
  add(entry: Uint32Array): boolean {
    if (this.entryCount === this.#options.entriesMax) return false;
    const slice = this.#sliceOf(entry, 0);
    this.#counts[slice] = (this.#counts[slice] as number) + 1;
    const chunk = this.#chunk;
    const target = this.#chunkWords;
    for (let word = 0; word < ENTRY_WORDS; word++) {
      chunk[target + word] = entry[word] as number;
    }
    this.#chunkWords = target + ENTRY_WORDS;
    if (this.#chunkWords === CHUNK_WORDS) this.#writeChunk();
    return true;
  }

  /**
   * All entries, slice by slice, ascending, in `words`, which are borrowed and
   * enough for them; they are no longer here. Throws `IndexDamagedError`.
   */
  *take(words: Uint32Array): Generator<PartitionSlice, void, undefined> {
    const { sharedBits } = this.#options;
    this.#gather(words);
    this.discard();
    let start = 0;
    for (const count of this.#counts) {
      const slice = {
        words,
        start,
        count,
        sharedBits: sharedBits + SLICE_BITS,
      };
      if (count > 0) yield slice;
      start += count * ENTRY_WORDS;
    }
  }

  /** Removes the file, unless that was done. */
  discard(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      this.#file.close();
      this.#options.files.removeRun(this.#run);
    } catch {
      // Removed when the index is opened next: no manifest names it.
    }
  }

  #sliceOf(words: Uint32Array, at: number): number {
    const { sharedBits } = this.#options;
    return (words[at] as number) << sharedBits >>> 32 - SLICE_BITS;
  }

  /** Fills `words` with all entries, each behind those of its slice that came before. */
  #gather(words: Uint32Array): void {
    const { entryCount } = this;
    if (this.#chunkWords > 0) this.#writeChunk();
    const targets = new Uint32Array(this.#counts.length);
    for (let i = 1; i < targets.length; i++) {
      targets[i] = (targets[i - 1] as number) +
        (this.#counts[i - 1] as number) * ENTRY_WORDS;
    }
    for (let at = 0; at < entryCount; at += CHUNK_ENTRIES) {
      const count = Math.min(CHUNK_ENTRIES, entryCount - at);
      const chunk = this.#chunk.subarray(0, count * ENTRY_WORDS);
      this.#readChunk(at / CHUNK_ENTRIES, chunk);
      for (let entry = 0; entry < chunk.length; entry += ENTRY_WORDS) {
        const slice = this.#sliceOf(chunk, entry);
        const target = targets[slice] as number;
        targets[slice] = target + ENTRY_WORDS;
        for (let word = 0; word < ENTRY_WORDS; word++) {
          words[target + word] = chunk[entry + word] as number;
        }
      }
    }
  }

  #writeChunk(): void {
    const bytes = bytesOf(this.#chunk.subarray(0, this.#chunkWords));
    const number = this.#chunkCount++;
    this.#chunkWords = 0;
    this.#checksums.set(
      checksumOf(bytes, this.#options.hash),
      number * CHECKSUM_LENGTH,
    );
    this.#file.write(bytes, number * CHUNK_BYTES);
  }

  #readChunk(number: number, chunk: Uint32Array): void {
    const bytes = bytesOf(chunk);
    this.#file.read(bytes, number * CHUNK_BYTES);
    const found = checksumOf(bytes, this.#options.hash);
    const at = number * CHECKSUM_LENGTH;
    const expected = this.#checksums.subarray(at, at + CHECKSUM_LENGTH);
    if (equalBytes(found, expected)) return;
    throw new IndexDamagedError(
      `What was written to fill the index is not what was read: ${CHUNK_BYTES} bytes at ${
        number * CHUNK_BYTES
      } of its run ${this.#run}`,
    );
  }
}
