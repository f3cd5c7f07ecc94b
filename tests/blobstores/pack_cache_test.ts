import assert from "node:assert/strict";
import { blobErrorCode } from "../../blobstores/blob_store.ts";
import { testBlobStore } from "../../blobstores/conformance.ts";
import { openCacheFolder } from "../../blobstores/layers/cache_folder.ts";
import { PackCache } from "../../blobstores/layers/pack_cache.ts";
import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";
import {
  type AskedStore,
  bytesOf,
  EXTENT,
  folderAt,
  KEY,
  keyOf,
  read,
  withRig,
} from "./pack_cache_rig.ts";

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

interface HeldRead {
  readonly first: Promise<Uint8Array>;
  readonly giveUp: AbortController;
  readonly resolve: () => void;
}

/** A read that can be given up, while the store does not answer until `resolve`. */
function heldRead(cache: PackCache, asked: AskedStore): HeldRead {
  const { promise, resolve } = Promise.withResolvers<void>();
  asked.gate = promise;
  const giveUp = new AbortController();
  const first = cache.get(KEY, {
    range: { offset: 0, length: 10 },
    signal: giveUp.signal,
  });
  return { first, giveUp, resolve };
}

Deno.test("readers of one extent share one request, and one that gives up spoils nothing", () =>
  withRig(async ({ asked, open }) => {
    await asked.put(KEY, bytesOf(EXTENT));
    const cache = await open();
    const { first, giveUp, resolve } = heldRead(cache, asked);
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
    const { first, giveUp, resolve } = heldRead(cache, asked);
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
