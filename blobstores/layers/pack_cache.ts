/**
 * A local cache of packs around a remote store: what was read once, and what was
 * just written, is read from the local disk.
 *
 * Only packs are cached: they never change, so an extent that was right stays
 * right. All else (roots, names, claims) must come from the store, for others
 * write it too. A whole get goes to the store as well: who asks for a whole pack
 * wants to know what the store has.
 *
 * Invariants: the cache holds at most the bytes it was given; what the caller
 * does not accept is neither kept nor answered a second time; a disk that fails
 * costs speed alone.
 *
 * @module
 */

import {
  type BlobDescription,
  blobErrorCode,
  type BlobStore,
  type GetOptions,
  type ListOptions,
  type OperationOptions,
  type PutOptions,
} from "../blob_store.ts";
import { cancelled, checkRange, throwIfCancelled } from "../operation.ts";
import { CacheExtents, EXTENT_BYTES } from "./cache_extents.ts";
import type { CacheFolder } from "./cache_folder.ts";
import type { PackCacheStatistics } from "./cache_statistics.ts";
import { type PackId, packIdOf } from "./cache_table.ts";
import { StoreLayer } from "./layer.ts";
import { metricsOf, type StoreMetrics } from "./metrics.ts";
import { type PackFetch, PackFetches } from "./pack_fetches.ts";

const PACK_KEY = /^packs\/[0-9a-f]{2}\/([0-9a-f]{64})$/;
/** Bytes in memory that wait for the disk; beyond, what comes is not kept. */
const UNWRITTEN_BYTES_MAX = 64 * 1024 * 1024;
/** Lengths of packs that are remembered. */
const SIZES_MAX = 16_384;
/** What is left of the disk for the journal and everybody else. */
const RESERVE_BYTES_DEFAULT = 3 * 1024 ** 3;

/** Options of `PackCache`. */
export interface PackCacheOptions {
  /** Where it lies; owned. */
  readonly folder: CacheFolder;
  /** Most bytes of it. */
  readonly bytesMax: number;
  /** It does not grow while less than this is free on its disk: 3 GiB when absent. */
  readonly reserveBytes?: number;
  /** Told what an operator should know. */
  readonly report: (message: string) => void;
}

/** Consecutive extents of a pack. */
interface Run {
  readonly first: number;
  readonly end: number;
}

/** A store with a cache. */
export class PackCache extends StoreLayer {
  readonly #options: PackCacheOptions;
  readonly #extents: CacheExtents;
  readonly #fetches = new PackFetches();
  readonly #sizes = new Map<string, number>();
  readonly #writes = new Set<Promise<void>>();
  #unwrittenBytes = 0;
  #hitCount = 0;
  #missCount = 0;
  #fetchedBytes = 0;
  #writtenBytes = 0;

  private constructor(
    store: BlobStore,
    options: PackCacheOptions,
    extents: CacheExtents,
  ) {
    super(store);
    this.#options = options;
    this.#extents = extents;
  }

  /** Puts a cache around `store`, taking over both. Rejects when the folder cannot be read. */
  static async open(
    store: BlobStore,
    options: PackCacheOptions,
  ): Promise<PackCache> {
    const { reserveBytes = RESERVE_BYTES_DEFAULT } = options;
    try {
      const extents = await CacheExtents.open({ ...options, reserveBytes });
      return new PackCache(store, options, extents);
    } catch (error) {
      options.folder.close();
      throw error;
    }
  }

  /** What the store underneath was asked. */
  get metrics(): StoreMetrics {
    return metricsOf(this.store);
  }

  /** What it did and holds. */
  get cacheStatistics(): PackCacheStatistics {
    return {
      location: this.#options.folder.location,
      bytesMax: this.#options.bytesMax,
      byteCount: this.#extents.byteCount,
      hitCount: this.#hitCount,
      missCount: this.#missCount,
      fetchedBytes: this.#fetchedBytes,
      writtenBytes: this.#writtenBytes,
      evictedCount: this.#extents.evictedCount,
      ...this.#extents.counts,
    };
  }

  /** A pack that was stored is kept too: it is what will be read next. */
  override async put(
    key: string,
    body: Uint8Array,
    options?: PutOptions,
  ): Promise<void> {
    await super.put(key, body, options);
    const pack = packOf(key);
    if (pack === undefined || this.#isBusy(body.length)) return;
    this.#noteSize(key, body.length);
    this.#writtenBytes += body.length;
    await this.#write(pack, 0, body);
  }

  /** Ranges of packs come from the cache, or through it. */
  override async get(
    key: string,
    options: GetOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const pack = packOf(key);
    const { range, accept, signal } = options;
    if (pack === undefined || range === undefined) {
      return await super.get(key, options);
    }
    checkRange(range, key);
    throwIfCancelled(signal, `get "${key}" from ${this.display}`);
    const bytes = await this.#read(key, pack, options);
    if (bytes !== undefined && (accept?.(bytes) ?? true)) return bytes;
    // What is on its way to the disk must not come behind the drop.
    await Promise.all(this.#writes);
    const { first, end } = extentsOf(range);
    this.#extents.drop(pack, first, end);
    return await super.get(key, options);
  }

  /** Also learns how long packs are. */
  override async head(
    key: string,
    options?: OperationOptions,
  ): Promise<BlobDescription | null> {
    const found = await super.head(key, options);
    if (found !== null && packOf(key)) this.#noteSize(key, found.size);
    return found;
  }

  /** Also learns how long packs are. */
  override async *list(
    prefix: string,
    options?: ListOptions,
  ): AsyncGenerator<BlobDescription, void, undefined> {
    for await (const blob of super.list(prefix, options)) {
      if (packOf(blob.key)) this.#noteSize(blob.key, blob.size);
      yield blob;
    }
  }

  /** Forgets it first: it must not come back from the cache. */
  protected override async remove(
    key: string,
    options?: OperationOptions,
  ): Promise<void> {
    const pack = packOf(key);
    if (pack !== undefined) {
      await Promise.all(this.#writes);
      const size = this.#sizes.get(key) ?? (await super.head(key))?.size ?? 0;
      this.#extents.drop(pack, 0, Math.ceil(size / EXTENT_BYTES));
      this.#sizes.delete(key);
    }
    await super.remove(key, options);
  }

  /** Also waits for what is being written to the disk. */
  override async close(): Promise<void> {
    await super.close();
    while (this.#writes.size > 0) await Promise.all(this.#writes);
    await this.#extents.close();
  }

  /** The range from extents; undefined where they do not have all of it. */
  async #read(
    key: string,
    pack: PackId,
    options: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { offset, length } = options.range!;
    const { first, end } = extentsOf(options.range!);
    const found = await this.#extents.read(pack, first, end);
    const fetches = this.#fetchMissing(key, pack, { first, end }, found);
    try {
      for (const [fetch, extents] of fetches) {
        const bytes = await this.#fetches.wait(fetch, options.signal);
        for (const extent of extents) {
          const at = (extent - fetch.first) * EXTENT_BYTES;
          found[extent - first] = bytes.subarray(at, at + EXTENT_BYTES);
        }
      }
    } catch (error) {
      if (options.signal?.aborted) {
        throw cancelled(`get "${key}" from ${this.display}`, error);
      }
      // The store tells why, in terms of the range that was asked for.
      if (blobErrorCode(error) === "RangeNotSatisfiable") return undefined;
      throw error;
    }
    const bytes = new Uint8Array(length);
    let done = 0;
    for (let extent = first; extent < end; extent++) {
      const start = Math.max(0, offset - extent * EXTENT_BYTES);
      const piece = found[extent - first]!.subarray(
        start,
        start + length - done,
      );
      bytes.set(piece, done);
      done += piece.length;
      // A short extent is the pack's last.
      if (start + piece.length < EXTENT_BYTES) break;
    }
    return done === length ? bytes : undefined;
  }

  /** Fetches that bring what was not found, with the extents that each is for. */
  #fetchMissing(
    key: string,
    pack: PackId,
    { first, end }: Run,
    found: readonly (Uint8Array | undefined)[],
  ): Map<PackFetch, number[]> {
    const fetches = new Map<PackFetch, number[]>();
    let isHit = true;
    const isOurs = (extent: number): boolean =>
      extent < end && found[extent - first] === undefined &&
      this.#fetches.find(key, extent) === undefined;
    for (let extent = first; extent < end; extent++) {
      if (found[extent - first] !== undefined) continue;
      let fetch = this.#fetches.find(key, extent);
      if (fetch === undefined) {
        let runEnd = extent + 1;
        while (isOurs(runEnd)) runEnd++;
        fetch = this.#beginFetch(key, pack, { first: extent, end: runEnd });
        isHit = false;
      }
      const extents = fetches.get(fetch) ?? [];
      fetches.set(fetch, extents);
      extents.push(extent);
    }
    if (isHit) this.#hitCount++;
    else this.#missCount++;
    return fetches;
  }

  #beginFetch(key: string, pack: PackId, run: Run): PackFetch {
    const fetch = this.#fetches.begin(
      { key, ...run },
      (signal) => this.#fetch(key, run, signal),
    );
    fetch.bytes.then(async (bytes) => {
      this.#fetchedBytes += bytes.length;
      if (!this.#isBusy(bytes.length)) {
        await this.#write(pack, run.first, bytes);
      }
      this.#fetches.end(fetch);
    }, () => {});
    return fetch;
  }

  /** Gets extents from the store: up to the end of the pack, which it may have to ask for. */
  async #fetch(
    key: string,
    run: Run,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const offset = run.first * EXTENT_BYTES;
    const get = (size: number): Promise<Uint8Array> => {
      const length = Math.min(run.end * EXTENT_BYTES, size) - offset;
      return super.get(key, { range: { offset, length }, signal });
    };
    const known = this.#sizes.get(key);
    if (known !== undefined) return await get(known);
    try {
      return await get(Infinity);
    } catch (error) {
      if (blobErrorCode(error) !== "RangeNotSatisfiable") throw error;
      const found = await this.head(key, { signal });
      if (found === null || found.size <= offset) throw error;
      return await get(found.size);
    }
  }

  /** Keeps extents; resolves when they are on disk, or will not be. */
  #write(pack: PackId, first: number, bytes: Uint8Array): Promise<void> {
    this.#unwrittenBytes += bytes.length;
    const write = this.#extents.keep(pack, first, bytes).finally(() => {
      this.#unwrittenBytes -= bytes.length;
      this.#writes.delete(write);
    });
    this.#writes.add(write);
    return write;
  }

  /** True when the disk is too far behind to take more. */
  #isBusy(length: number): boolean {
    return this.#unwrittenBytes > 0 &&
      this.#unwrittenBytes + length > UNWRITTEN_BYTES_MAX;
  }

  #noteSize(key: string, size: number): void {
    if (this.#sizes.size >= SIZES_MAX) this.#sizes.clear();
    this.#sizes.set(key, size);
  }
}

function packOf(key: string): PackId | undefined {
  const name = PACK_KEY.exec(key)?.[1];
  return name === undefined ? undefined : packIdOf(name);
}

function extentsOf(range: NonNullable<GetOptions["range"]>): Run {
  return {
    first: Math.floor(range.offset / EXTENT_BYTES),
    end: Math.ceil((range.offset + range.length) / EXTENT_BYTES),
  };
}
