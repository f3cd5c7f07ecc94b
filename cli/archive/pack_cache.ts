/**
 * The local cache of packs that a remote store gets.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import { openCacheFolder } from "../../blobstores/layers/cache_folder.ts";
import { PackCache } from "../../blobstores/layers/pack_cache.ts";
import type { EventSink } from "../../cas/events.ts";
import type { StoreSettings } from "../options/store_settings.ts";

/**
 * Enough for what is in daily use of some disks. It is reached only as packs
 * are read and written, and leaves room on its disk for the journal.
 */
const CACHE_BYTES_DEFAULT: number = 8 * 1024 ** 3;

/** What decides on a cache. */
export interface PackCacheChoice {
  /** URL of the store. */
  readonly storeUrl: string;
  /** What the operator asked. */
  readonly storeSettings?: StoreSettings;
  /** Folder for it, where the operator named none. */
  readonly cachePath?: string;
}

/**
 * Puts a cache around a store: a remote one gets it unless the operator said
 * no, a `file:` store if he said so. Without its folder (no state folder, another
 * process in it, a disk that fails) the store is used as it is, and an event
 * says why.
 */
export async function withPackCache(
  store: BlobStore,
  choice: PackCacheChoice,
  onEvent: EventSink,
): Promise<BlobStore> {
  const { storeUrl, storeSettings = {} } = choice;
  const bytesMax = storeSettings.cacheBytesMax ??
    (/^(file|memory):/i.test(storeUrl) ? 0 : CACHE_BYTES_DEFAULT);
  const path = storeSettings.cachePath ?? choice.cachePath;
  if (bytesMax === 0 || path === undefined) return store;
  const report = (message: string): void =>
    onEvent({ event: "pack-cache", severity: "strange", message });
  try {
    const folder = openCacheFolder(path);
    if (folder !== undefined) {
      return await PackCache.open(store, { folder, bytesMax, report });
    }
    report(
      `The pack cache in ${path} is in use by another process: this one reads all from the store; give it another with --store-option cache-dir=DIR`,
    );
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    report(
      `Cannot use the pack cache in ${path}: ${found}; all is read from the store`,
    );
  }
  return store;
}
