import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import {
  bytesOf,
  EXTENT,
  folderAt,
  KEY,
  keyOf,
  read,
  withRig,
} from "./pack_cache_rig.ts";

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
    ["records that tell of 4 GiB, and check", (path: string) => {
      const bytes = Deno.readFileSync(`${path}/table`);
      const words = new DataView(bytes.buffer);
      for (let at = 32; at < bytes.length; at += 32) {
        words.setUint32(at + 20, 0xffffffff, true);
        words.setUint32(at + 28, crc32(bytes.subarray(at, at + 28)), true);
      }
      Deno.writeFileSync(`${path}/table`, bytes);
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
