/**
 * A store of packs that nobody wrote: their directories are made up when they
 * are asked for, so that an archive may be as large as one likes. It is as far
 * away as it is told to be, and counts what is asked of it.
 *
 * @module
 */

import type {
  BlobDescription,
  BlobStore,
  GetOptions,
} from "../blobstores/blob_store.ts";
import { BLOCK_SIZE } from "../cas/block_pool.ts";
import { KEY_LENGTH } from "../cas/index/entry.ts";
import { COPIES_PREFIX } from "../cas/packs/index_copies.ts";
import {
  type CopiedPack,
  COPY_PACKS_MAX,
  encodeBlocks,
  encodeCopy,
} from "../cas/packs/index_copy_format.ts";
import {
  decodeDirectory,
  decodeTrailer,
  encodeEntry,
  encodeTrailer,
  ENTRY_LENGTH,
  HEADER_LENGTH,
  TRAILER_LENGTH,
} from "../cas/packs/pack_format.ts";
import { packKey, packNameOf, PACKS_PREFIX } from "../cas/packs/pack_files.ts";
import type { Hasher } from "../cas/score.ts";
import { randomWords } from "./random_words.ts";

/** Blocks of 4 KiB that do not compress in a pack of 20 MiB. */
export const PACK_BLOCKS = 5085;
const BLOCKS_END: number = HEADER_LENGTH + PACK_BLOCKS * BLOCK_SIZE;
const DIRECTORY_BYTES: number = PACK_BLOCKS * ENTRY_LENGTH;
const PACK_SIZE: number = BLOCKS_END + DIRECTORY_BYTES + TRAILER_LENGTH;

/** What the store is like. */
export interface SyntheticOptions {
  /** Computes names and checksums. */
  readonly hasher: Hasher;
  /** How many packs there are. */
  readonly packCount: number;
  /** Whether there are copies of the index. */
  readonly copies: boolean;
  /** What every request takes. */
  readonly latencyMs: number;
  /** What all of them share. */
  readonly bytesPerSecond: number;
}

/** Packs with directories, and perhaps copies of these. */
export class SyntheticPacks implements BlobStore {
  readonly display = "synthetic:";
  readonly capabilities = {
    createExclusive: true,
    hold: false,
    concurrencyMax: 64,
  };
  /** Requests so far, a page of a listing counted as one. */
  requestCount = 0;
  /** Bytes that were got. */
  byteCount = 0;
  readonly #options: SyntheticOptions;
  readonly #names: string[];
  readonly #packs = new Map<string, number>();
  readonly #copies = new Map<string, Uint8Array<ArrayBuffer>>();
  #freeAtMs = 0;

  /** Makes names up. */
  constructor(options: SyntheticOptions) {
    this.#options = options;
    const { hasher, packCount, copies } = options;
    this.#names = Array.from(
      { length: packCount },
      (_, i) => hasher.hash(new Uint8Array(Uint32Array.of(i).buffer)).toHex(),
    );
    this.#names.forEach((name, i) => this.#packs.set(name, i));
    for (let at = 0; copies && at < packCount; at += COPY_PACKS_MAX) {
      const bytes = this.#copy(at);
      this.#copies.set(COPIES_PREFIX + hasher.hash(bytes).toHex(), bytes);
    }
  }

  async get(
    key: string,
    { range }: GetOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const pack = this.#packs.get(packNameOf(key) ?? "");
    const copy = this.#copies.get(key);
    if (pack === undefined && copy === undefined) {
      throw Object.assign(new Error(`no ${key}`), { code: "NotFound" });
    }
    const bytes = copy ?? this.#tail(pack!, range!.length);
    await this.#pass(bytes.length);
    return bytes;
  }

  async head(key: string): Promise<BlobDescription | null> {
    await this.#pass(0);
    return this.#packs.has(packNameOf(key) ?? "")
      ? { key, size: PACK_SIZE }
      : null;
  }

  async *list(prefix: string): AsyncGenerator<BlobDescription> {
    const blobs = prefix === PACKS_PREFIX
      ? this.#names.map((name) => ({ key: packKey(name), size: PACK_SIZE }))
      : [...this.#copies].map(([key, { length }]) => ({ key, size: length }));
    const sorted = blobs.sort((left, right) => left.key < right.key ? -1 : 1);
    for (let at = 0; at === 0 || at < sorted.length; at += PAGE_KEYS) {
      await this.#pass(0);
      yield* sorted.slice(at, at + PAGE_KEYS);
    }
  }

  put(): Promise<void> {
    return Promise.reject(new Error("Nothing is put"));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #pass(byteCount: number): Promise<void> {
    const { latencyMs, bytesPerSecond } = this.#options;
    this.requestCount++;
    this.byteCount += byteCount;
    const nowMs = performance.now();
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) +
      byteCount / bytesPerSecond * 1000;
    const delayMs = latencyMs + this.#freeAtMs - nowMs;
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }

  /** The last bytes of a pack, zeros where its blocks are. */
  #tail(pack: number, length: number): Uint8Array<ArrayBuffer> {
    const tail = new Uint8Array(length);
    const directory = this.#directory(pack);
    tail.set(directory, length - directory.length);
    return tail;
  }

  #directory(pack: number): Uint8Array {
    const { hash } = this.#options.hasher;
    const bytes = new Uint8Array(DIRECTORY_BYTES + TRAILER_LENGTH);
    const keys = new Uint8Array(PACK_BLOCKS * KEY_LENGTH);
    randomWords(pack + 1)(keys);
    for (let i = 0; i < PACK_BLOCKS; i++) {
      encodeEntry(bytes, i * ENTRY_LENGTH, {
        key: keys.subarray(i * KEY_LENGTH, (i + 1) * KEY_LENGTH),
        offset: HEADER_LENGTH + i * BLOCK_SIZE,
        length: BLOCK_SIZE,
        kind: 0,
        codec: 0,
      });
    }
    const trailer = { directoryOffset: 0, entryCount: PACK_BLOCKS };
    encodeTrailer(bytes, trailer, hash);
    // Made for a pack that begins with its directory; now where it really lies.
    const view = new DataView(bytes.buffer);
    view.setUint32(DIRECTORY_BYTES, BLOCKS_END, true);
    bytes.set(
      hash(bytes.subarray(0, DIRECTORY_BYTES + 8)),
      DIRECTORY_BYTES + 8,
    );
    return bytes;
  }

  #copy(first: number): Uint8Array<ArrayBuffer> {
    const { hasher } = this.#options;
    const packs: CopiedPack[] = [];
    for (const name of this.#names.slice(first, first + COPY_PACKS_MAX)) {
      const bytes = this.#directory(this.#packs.get(name)!);
      const trailer = decodeTrailer(bytes, PACK_SIZE);
      const directory = typeof trailer === "string"
        ? trailer
        : decodeDirectory(bytes, trailer, hasher.hash);
      const blocks = typeof directory === "string"
        ? undefined
        : encodeBlocks(directory, PACK_SIZE);
      if (blocks === undefined) throw new Error(`Pack ${name} is wrong`);
      packs.push({ name, size: PACK_SIZE, blocks });
    }
    return encodeCopy(packs, 0, hasher.hash);
  }
}

/** Keys of a page of a listing, as S3 has them. */
const PAGE_KEYS = 1000;
