import assert from "node:assert/strict";
import {
  blobErrorCode,
  type BlobStore,
  type GetOptions,
} from "../../blobstores/blob_store.ts";
import { testBlobStore } from "../../blobstores/conformance.ts";
import {
  type CacheFolder,
  openCacheFolder,
} from "../../blobstores/layers/cache_folder.ts";
import {
  PackCache,
  type PackCacheOptions,
} from "../../blobstores/layers/pack_cache.ts";
import { StoreLayer } from "../../blobstores/layers/layer.ts";
import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";

const EXTENT = 32 * 1024;
const KEY = keyOf(1);

function keyOf(number: number): string {
  const name = number.toString(16).padStart(8, "0").repeat(8);
  return `packs/${name.slice(0, 2)}/${name}`;
}

/** Bytes that differ everywhere, and from other seeds. */
function bytesOf(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let at = 0; at < words.length; at++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    words[at] = state;
  }
  return new Uint8Array(words.buffer, 0, length).slice();
}

/** Notes the ranges that the store is asked for. */
class AskedStore extends StoreLayer {
  readonly gets: string[] = [];
  heads = 0;
  /** Gets wait for this. */
  gate: Promise<void> = Promise.resolve();
  /** Applied to what is got. */
  damage: (bytes: Uint8Array) => void = () => {};
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

interface Rig {
  readonly path: string;
  readonly asked: AskedStore;
  readonly messages: string[];
  open(options?: Partial<PackCacheOptions>): Promise<PackCache>;
}

async function withRig(body: (rig: Rig) => Promise<void>): Promise<void> {
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

function folderAt(path: string): CacheFolder {
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

async function read(
  cache: BlobStore,
  offset: number,
  length: number,
  key = KEY,
): Promise<Uint8Array> {
  return await cache.get(key, { range: { offset, length } });
}

testBlobStore("a store with a pack cache", async () => {
  const space = new MemorySpace();
  const folder = await Deno.makeTempDir({ prefix: "pack-cache-" });
  let count = 0;
  return {
    open: () =>
      PackCache.open(new MemoryStore({ space }), {
        folder: folderAt(`${folder}/${count++}`),
        bytesMax: 1024 * EXTENT,
        reserveBytes: 0,
        report: () => {},
      }),
    remove: () => Deno.remove(folder, { recursive: true }),
  };
});

Deno.test("a read of a block fetches its extent once, and its neighbours come from the disk", () =>
  withRig(async ({ asked, open }) => {
    const pack = bytesOf(5 * EXTENT + 100);
    await asked.put(KEY, pack);
    const cache = await open();
    assert.deepEqual(
      await read(cache, 40_000, 4096),
      pack.slice(40_000, 44_096),
    );
    assert.deepEqual(asked.gets, [`${EXTENT}+${EXTENT}`]);
    assert.deepEqual(
      await read(cache, 50_000, 4096),
      pack.slice(50_000, 54_096),
    );
    assert.equal(asked.gets.length, 1);
    assert.equal(cache.cacheStatistics.hitCount, 1);
    assert.equal(cache.cacheStatistics.missCount, 1);
    await cache.close();
  }));

Deno.test("only the extents that are missing are fetched, those side by side together", () =>
  withRig(async ({ asked, open }) => {
    const pack = bytesOf(8 * EXTENT);
    await asked.put(KEY, pack);
    const cache = await open();
    await read(cache, 3 * EXTENT, 1);
    const all = await read(cache, 10, 8 * EXTENT - 20);
    assert.deepEqual(all, pack.slice(10, 8 * EXTENT - 10));
    assert.deepEqual(asked.gets.slice(1), [
      `0+${3 * EXTENT}`,
      `${4 * EXTENT}+${4 * EXTENT}`,
    ]);
    await cache.close();
  }));

Deno.test("the end of a pack is found by asking for its length once", () =>
  withRig(async ({ asked, open }) => {
    const pack = bytesOf(EXTENT + 700);
    await asked.put(KEY, pack);
    const cache = await open();
    assert.deepEqual(
      await read(cache, EXTENT + 1, 9),
      pack.slice(EXTENT + 1, EXTENT + 10),
    );
    assert.equal(asked.heads, 1);
    assert.deepEqual(
      await read(cache, EXTENT + 600, 100),
      pack.slice(EXTENT + 600),
    );
    assert.deepEqual(await read(cache, 5, 5), pack.slice(5, 10));
    assert.equal(asked.heads, 1);
    await assert.rejects(
      read(cache, EXTENT + 600, 101),
      (error) => blobErrorCode(error) === "RangeNotSatisfiable",
    );
    await assert.rejects(
      read(cache, 9 * EXTENT, 1),
      (error) => blobErrorCode(error) === "RangeNotSatisfiable",
    );
    await cache.close();
  }));

Deno.test("a pack that was put is read without the store, also by the next process", () =>
  withRig(async ({ asked, open }) => {
    const pack = bytesOf(6 * EXTENT + 5);
    const cache = await open();
    await cache.put(KEY, pack);
    assert.deepEqual(await read(cache, 0, pack.length), pack);
    await cache.close();
    const again = await open();
    assert.deepEqual(await read(again, 7, pack.length - 7), pack.slice(7));
    assert.deepEqual(asked.gets, []);
    await again.close();
  }));

Deno.test("what is no pack, and whole packs, come from the store", () =>
  withRig(async ({ asked, open }) => {
    const cache = await open();
    await cache.put("roots/a", bytesOf(100));
    await cache.put(KEY, bytesOf(100));
    await read(cache, 0, 10, "roots/a");
    await cache.get(KEY);
    assert.deepEqual(asked.gets, ["0+10", "all"]);
    await cache.close();
  }));

Deno.test("readers of one extent share one request, and one that gives up spoils nothing", () =>
  withRig(async ({ asked, open }) => {
    await asked.put(KEY, bytesOf(EXTENT));
    const cache = await open();
    const { promise, resolve } = Promise.withResolvers<void>();
    asked.gate = promise;
    const giveUp = new AbortController();
    const first = cache.get(KEY, {
      range: { offset: 0, length: 10 },
      signal: giveUp.signal,
    });
    const second = read(cache, 20, 10);
    await new Promise((resolve) => setTimeout(resolve, 0));
    giveUp.abort();
    await assert.rejects(
      first,
      (error) => blobErrorCode(error) === "Cancelled",
    );
    resolve();
    assert.deepEqual(await second, bytesOf(EXTENT).slice(20, 30));
    assert.equal(asked.gets.length, 1);
    await cache.close();
  }));

Deno.test("a fetch for which nobody waits is given up, and the next reader begins anew", () =>
  withRig(async ({ asked, open }) => {
    await asked.put(KEY, bytesOf(EXTENT));
    const cache = await open();
    const { promise, resolve } = Promise.withResolvers<void>();
    asked.gate = promise;
    const giveUp = new AbortController();
    const first = cache.get(KEY, {
      range: { offset: 0, length: 10 },
      signal: giveUp.signal,
    });
    await new Promise((resolve) => setTimeout(resolve, 0));
    giveUp.abort();
    await assert.rejects(
      first,
      (error) => blobErrorCode(error) === "Cancelled",
    );
    assert.equal(asked.signals[0]?.aborted, true);
    const second = read(cache, 0, 10);
    resolve();
    assert.deepEqual(await second, bytesOf(EXTENT).slice(0, 10));
    await cache.close();
  }));

Deno.test("the cache never holds more than it may, and keeps what is read again", () =>
  withRig(async ({ path, asked, open }) => {
    const cache = await open({ bytesMax: 8 * EXTENT });
    for (let number = 1; number <= 20; number++) {
      await cache.put(keyOf(number), bytesOf(EXTENT, number));
      await read(cache, 0, 10, keyOf(1));
    }
    await cache.close();
    assert.deepEqual(asked.gets, []);
    assert.equal(Deno.statSync(`${path}/extents`).size, 8 * EXTENT);
    assert.equal(cache.cacheStatistics.byteCount, 8 * EXTENT);
    assert.ok(cache.cacheStatistics.evictedCount >= 12);
    const again = await open({ bytesMax: 4 * EXTENT });
    assert.ok(Deno.statSync(`${path}/extents`).size <= 4 * EXTENT);
    await again.close();
  }));

for (
  const [name, damage] of [
    ["every byte of the extents flipped", (path: string) => {
      const bytes = Deno.readFileSync(`${path}/extents`);
      Deno.writeFileSync(`${path}/extents`, bytes.map((byte) => byte ^ 1));
    }],
    ["the extents cut off", (path: string) => {
      Deno.truncateSync(`${path}/extents`, EXTENT + 5);
    }],
    ["the extents gone", (path: string) => {
      Deno.removeSync(`${path}/extents`);
    }],
    ["the extents in each other's places", (path: string) => {
      const bytes = Deno.readFileSync(`${path}/extents`);
      const swapped = bytes.slice();
      swapped.set(bytes.subarray(EXTENT, 2 * EXTENT), 0);
      swapped.set(bytes.subarray(0, EXTENT), EXTENT);
      Deno.writeFileSync(`${path}/extents`, swapped);
    }],
    [
      "the records of the table in each other's places, half by half",
      (path: string) => {
        const bytes = Deno.readFileSync(`${path}/table`);
        const swapped = bytes.slice();
        swapped.set(bytes.subarray(64, 84), 32);
        swapped.set(bytes.subarray(32, 52), 64);
        Deno.writeFileSync(`${path}/table`, swapped);
      },
    ],
    ["a foreign table", (path: string) => {
      Deno.writeFileSync(`${path}/table`, bytesOf(5000, 9));
    }],
    ["the table cut off within a record", (path: string) => {
      Deno.truncateSync(`${path}/table`, 32 + 40);
    }],
    ["the table gone", (path: string) => {
      Deno.removeSync(`${path}/table`);
    }],
  ] as const
) {
  Deno.test(`a cache on disk with ${name} answers what the store has`, () =>
    withRig(async ({ path, asked, open }) => {
      const pack = bytesOf(4 * EXTENT + 9);
      const cache = await open();
      await cache.put(KEY, pack);
      await cache.close();
      damage(path);
      const again = await open();
      for (let offset = 0; offset + 5000 <= pack.length; offset += 5000) {
        assert.deepEqual(
          await read(again, offset, 5000),
          pack.slice(offset, offset + 5000),
        );
      }
      assert.deepEqual(
        await read(again, pack.length - 1, 1),
        pack.slice(-1),
      );
      assert.ok(asked.gets.length > 0, "the damage was not noticed");
      await again.close();
      // And it is as good as new.
      asked.gets.length = 0;
      const third = await open();
      assert.deepEqual(await read(third, 0, pack.length), pack);
      assert.deepEqual(asked.gets, []);
      await third.close();
    }));
}

Deno.test("what the reader does not accept is asked for again, and not kept", () =>
  withRig(async ({ asked, open }) => {
    const pack = bytesOf(EXTENT);
    await asked.put(KEY, pack);
    const cache = await open();
    const isRight = (bytes: Uint8Array): boolean =>
      bytes.every((byte, index) => byte === pack[index]);
    asked.damage = (bytes) => {
      bytes[5]! ^= 8;
      asked.damage = () => {};
    };
    const range = { offset: 0, length: 100 };
    const bytes = await cache.get(KEY, { range, accept: isRight });
    assert.deepEqual(bytes, pack.slice(0, 100));
    assert.deepEqual(await read(cache, 0, 100), pack.slice(0, 100));
    await cache.close();
  }));

Deno.test("a full disk costs the cache its growth and nobody a read", () =>
  withRig(async ({ path, asked, messages, open }) => {
    const folder = folderAt(path);
    const full = Object.assign(new Error("no space left"), { code: "ENOSPC" });
    const cache = await open({
      folder: {
        ...folder,
        extents: {
          size: () => folder.extents.size(),
          truncate: (size) => folder.extents.truncate(size),
          read: (into, position) => folder.extents.read(into, position),
          write: (bytes, position) =>
            position + bytes.length > 4 * EXTENT
              ? Promise.reject(full)
              : folder.extents.write(bytes, position),
        },
      },
    });
    for (let number = 1; number <= 10; number++) {
      const pack = bytesOf(EXTENT, number);
      await cache.put(keyOf(number), pack);
      assert.deepEqual(await read(cache, 0, EXTENT, keyOf(number)), pack);
    }
    assert.equal(messages.length, 1);
    assert.match(messages[0]!, /no space left/);
    // It went on with the room that it had.
    asked.gets.length = 0;
    await read(cache, 0, EXTENT, keyOf(10));
    assert.deepEqual(asked.gets, []);
    await cache.close();
  }));

Deno.test("a cache leaves the reserve of its disk free, and says so", () =>
  withRig(async ({ path, asked, messages, open }) => {
    const folder = folderAt(path);
    const cache = await open({
      folder: { ...folder, freeBytes: () => 999 },
      reserveBytes: 1000,
    });
    await cache.put(KEY, bytesOf(EXTENT));
    assert.equal(Deno.statSync(`${path}/extents`).size, 0);
    assert.match(messages[0]!, /only 999 bytes of its disk are free/);
    await read(cache, 0, 10);
    assert.equal(asked.gets.length, 1);
    await cache.close();
  }));

Deno.test("a disk that cannot be read costs speed alone", () =>
  withRig(async ({ path, open }) => {
    const folder = folderAt(path);
    const broken = Object.assign(new Error("input/output error"), {
      code: "EIO",
    });
    const cache = await open({
      folder: {
        ...folder,
        extents: {
          size: () => folder.extents.size(),
          truncate: (size) => folder.extents.truncate(size),
          read: () => Promise.reject(broken),
          write: (bytes, position) => folder.extents.write(bytes, position),
        },
      },
    });
    await cache.put(KEY, bytesOf(EXTENT));
    assert.deepEqual(await read(cache, 3, 4), bytesOf(EXTENT).slice(3, 7));
    assert.equal(cache.cacheStatistics.failedCount, 1);
    await cache.close();
  }));

Deno.test("a pack that was deleted is gone from the cache too", () =>
  withRig(async ({ open }) => {
    const cache = await open();
    await cache.put(KEY, bytesOf(3 * EXTENT));
    await cache.delete!(KEY);
    await assert.rejects(
      read(cache, EXTENT, 10),
      (error) => blobErrorCode(error) === "NotFound",
    );
    await cache.close();
  }));

Deno.test("two processes do not share one folder", () =>
  withRig(async ({ path, open }) => {
    const cache = await open();
    assert.equal(openCacheFolder(path), undefined);
    await cache.close();
    folderAt(path).close();
  }));

Deno.test("many readers and writers at once see every pack as it is", () =>
  withRig(async ({ open }) => {
    const cache = await open({ bytesMax: 16 * EXTENT });
    const packs = Array.from(
      { length: 24 },
      (_, number) => bytesOf(3 * EXTENT + number, number + 1),
    );
    await Promise.all(packs.map(async (pack, number) => {
      await cache.put(keyOf(number), pack);
    }));
    await Promise.all(Array.from({ length: 400 }, async (_, turn) => {
      const number = turn * 7 % packs.length;
      const offset = turn * 997 % (2 * EXTENT);
      const bytes = await read(cache, offset, EXTENT, keyOf(number));
      assert.deepEqual(bytes, packs[number]!.slice(offset, offset + EXTENT));
    }));
    await cache.close();
  }));
