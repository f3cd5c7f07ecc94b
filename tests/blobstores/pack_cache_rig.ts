/** Caches of packs over a store that notes what it is asked. */

import assert from "node:assert/strict";
import type { BlobStore, GetOptions } from "../../blobstores/blob_store.ts";
import {
  type CacheFolder,
  openCacheFolder,
} from "../../blobstores/layers/cache_folder.ts";
import {
  PackCache,
  type PackCacheOptions,
} from "../../blobstores/layers/pack_cache.ts";
import { StoreLayer } from "../../blobstores/layers/layer.ts";
import { MemoryStore } from "../../blobstores/memory_store.ts";

/** Bytes of an extent. */
export const EXTENT: number = 32 * 1024;
/** A pack. */
export const KEY: string = keyOf(1);

/** The key of a pack. */
export function keyOf(number: number): string {
  const name = number.toString(16).padStart(8, "0").repeat(8);
  return `packs/${name.slice(0, 2)}/${name}`;
}

/** Bytes that differ everywhere, and from other seeds. */
export function bytesOf(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let at = 0; at < words.length; at++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    words[at] = state;
  }
  return new Uint8Array(words.buffer, 0, length).slice();
}

/** Notes the ranges that the store is asked for. */
export class AskedStore extends StoreLayer {
  /** The ranges; "all" for whole blobs. */
  readonly gets: string[] = [];
  /** How often lengths were asked for. */
  heads = 0;
  /** Gets wait for this. */
  gate: Promise<void> = Promise.resolve();
  /** Applied to what is got. */
  damage: (bytes: Uint8Array) => void = () => {};
  /** What would give the gets up. */
  signals: (AbortSignal | undefined)[] = [];

  override async get(
    key: string,
    options: GetOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { range } = options;
    this.gets.push(range ? `${range.offset}+${range.length}` : "all");
    this.signals.push(options.signal);
    await this.gate;
    options.signal?.throwIfAborted();
    const bytes = await super.get(key, options);
    this.damage(bytes);
    return bytes;
  }

  override head(key: string): ReturnType<BlobStore["head"]> {
    this.heads++;
    return super.head(key);
  }
}

/** A folder for caches, and the store behind them. */
export interface CacheRig {
  /** The folder. */
  readonly path: string;
  /** The store. */
  readonly asked: AskedStore;
  /** What caches reported. */
  readonly messages: string[];
  /** Opens a cache; closing it leaves the store open. */
  open(options?: Partial<PackCacheOptions>): Promise<PackCache>;
}

/** Runs `body` with a rig, which is removed afterwards. */
export async function withRig(
  body: (rig: CacheRig) => Promise<void>,
): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "pack-cache-" });
  const asked = new AskedStore(new MemoryStore());
  const messages: string[] = [];
  try {
    await body({
      path,
      asked,
      messages,
      open: (options = {}) =>
        PackCache.open(notClosed(asked), {
          folder: options.folder ?? folderAt(path),
          bytesMax: 64 * EXTENT,
          reserveBytes: 0,
          report: (message) => messages.push(message),
          ...options,
        }),
    });
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

/** The folder of a cache, which nothing else may use. */
export function folderAt(path: string): CacheFolder {
  const folder = openCacheFolder(path);
  assert.ok(folder !== undefined, "the folder is in use");
  return folder;
}

/** So that a cache can be closed and opened again over it. */
function notClosed(store: BlobStore): BlobStore {
  return new class extends StoreLayer {
    override close(): Promise<void> {
      return Promise.resolve();
    }
  }(store);
}

/** Reads a range of a pack. */
export async function read(
  cache: BlobStore,
  offset: number,
  length: number,
  key: string = KEY,
): Promise<Uint8Array> {
  return await cache.get(key, { range: { offset, length } });
}
