/**
 * What a pack cache tells of itself.
 *
 * @module
 */

import type { BlobStore } from "../blob_store.ts";

/** What a cache did since it was opened, and what it holds. */
export interface PackCacheStatistics {
  /** Where it lies. */
  readonly location: string;
  /** Bytes it may hold. */
  readonly bytesMax: number;
  /** Bytes it holds. */
  readonly byteCount: number;
  /** Reads of packs that it answered. */
  readonly hitCount: number;
  /** Reads of packs for which the store was asked. */
  readonly missCount: number;
  /** Bytes that came from the store for them. */
  readonly fetchedBytes: number;
  /** Bytes of new packs, offered to the cache when they were put. */
  readonly writtenBytes: number;
  /** Extents of 32 KiB that had to go for others. */
  readonly evictedCount: number;
  /** Extents that were found damaged, and fetched again. */
  readonly damagedCount: number;
  /** Operations of its disk that failed. */
  readonly failedCount: number;
}

/** The statistics of a store's cache; undefined where it has none. */
export function cacheOf(store: BlobStore): PackCacheStatistics | undefined {
  return (store as { readonly cacheStatistics?: PackCacheStatistics })
    .cacheStatistics;
}
