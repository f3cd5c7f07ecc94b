/** Small ranges that are read together. */

import assert from "node:assert/strict";
import {
  BlobError,
  blobErrorCode,
  type FoundRanges,
  type KeyedRange,
  type OperationOptions,
} from "../../blobstores/blob_store.ts";
import { openFileStore } from "../../blobstores/file_store.ts";
import { layered } from "../../blobstores/layers/layered.ts";
import { StoreLayer } from "../../blobstores/layers/layer.ts";
import { LimitedStore } from "../../blobstores/layers/limits.ts";
import { WatchedStore } from "../../blobstores/layers/watchdog.ts";
import { MemoryStore } from "../../blobstores/memory_store.ts";
import { OpenFiles } from "../../blobstores/open_files.ts";
import { SmallReads } from "../../blobstores/small_reads.ts";
import { withFolder } from "../temporary_folder.ts";
import { TurningClock, turns } from "./layers/turning_clock.ts";

const TEXT = "0123456789";

function textsOf(found: FoundRanges): (string | undefined)[] {
  return found.map((bytes) => bytes && new TextDecoder().decode(bytes));
}

/** A store that reads ranges together, all of them of one text. */
class Ranged extends MemoryStore {
  readonly asked: (readonly KeyedRange[])[] = [];
  /** Settles when it may answer. */
  ready: Promise<void> = Promise.resolve();

  async getRanges(
    ranges: readonly KeyedRange[],
    _options?: OperationOptions,
  ): Promise<FoundRanges> {
    this.asked.push(ranges);
    await this.ready;
    return ranges.map(({ key, offset, length }) =>
      key.endsWith("none")
        ? undefined
        : new TextEncoder().encode(TEXT.slice(offset, offset + length))
    );
  }
}

/** Small reads of files here; what they announce goes to `announced`. */
function smallReads(announced: number[], nowMs: () => number): SmallReads {
  return new SmallReads({
    files: new OpenFiles({ nowMs: () => 0 }),
    announcer: {
      announce: (_, offset) => announced.push(offset),
      close: () => announced.push(-1),
    },
    nowMs,
    repeat: () => () => {},
  });
}

Deno.test("a folder gives ranges of many blobs at once, and leaves to get what it cannot", async () => {
  await withFolder(async (path) => {
    const store = await openFileStore({ path, create: true });
    const large = new Uint8Array(200_000).map((_, at) => at % 251);
    await store.put("packs/aa/text", new TextEncoder().encode(TEXT));
    await store.put("packs/bb/large", large);
    const ranges = [
      { key: "packs/aa/text", offset: 2, length: 3 },
      { key: "packs/cc/none", offset: 0, length: 1 },
      { key: "packs/bb/large", offset: 70_001, length: 4096 },
      { key: "packs/aa/text", offset: 8, length: 3 },
      { key: "packs/bb/large", offset: 0, length: 100_000 },
      { key: "packs/aa", offset: 0, length: 1 },
      { key: "packs/aa/text", offset: 9, length: 1 },
    ];
    let found = await store.getRanges(ranges);
    while (Deno.build.os === "linux" && found[0] === undefined) {
      assert.equal(found.length, ranges.length, "nothing is known of the disk");
      await new Promise((resolve) => setTimeout(resolve, 1));
      found = await store.getRanges(ranges);
    }
    assert.deepEqual(textsOf([found[0], found[6]]), ["234", "9"]);
    assert.deepEqual(found[2], large.subarray(70_001, 70_001 + 4096));
    for (const place of [1, 3, 4, 5]) assert.equal(found[place], undefined);
    await store.close();
    const closed = await store.getRanges(ranges).catch(blobErrorCode);
    assert.equal(closed, "Unavailable");
  });
});

Deno.test("ranges that are read together are all announced before the first is read", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/file`;
    await Deno.writeTextFile(path, TEXT);
    const announced: number[] = [];
    const reads = smallReads(announced, () => 0);
    const ranges = [4, 0, 8].map((offset) => ({ path, offset, length: 2 }));
    const missing = { path: `${folder}/none`, offset: 7, length: 2 };
    const reading = reads.readAll([...ranges, missing])!;
    assert.deepEqual(announced, [4, 0, 8]);
    Deno.writeTextFileSync(path, "abcdefghij");
    reads.close();
    assert.deepEqual(textsOf(await reading), ["ef", "ab", "ij", undefined]);
    assert.deepEqual(announced, [4, 0, 8, -1], "closed when all is read");
    assert.equal(reads.readAll(ranges), undefined);
  });
});

Deno.test("a disk that lets the thread wait for ranges is spared for a second", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/file`;
    await Deno.writeTextFile(path, TEXT);
    let timeMs = 0;
    let waitMs = 16;
    // It is asked five times around each read: time passes with every look.
    const reads = smallReads([], () => timeMs += waitMs / 5);
    const ranges = Array.from({ length: 16 }, (_, offset) => (
      { path, offset: offset % 10, length: 1 }
    ));
    for (let count = 0; count < 100; count++) {
      assert.ok(reads.readAll(ranges), "1 ms each is quick enough");
      await turns();
    }
    waitMs = 1600;
    await reads.readAll(ranges);
    waitMs = 0;
    assert.equal(reads.readAll(ranges), undefined);
    timeMs += 1000;
    assert.ok(await reads.readAll(ranges));
    reads.close();
  });
});

Deno.test("a disk that lets the thread wait is left in the middle of many ranges", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/file`;
    await Deno.writeTextFile(path, TEXT);
    let timeMs = 0;
    const reads = smallReads([], () => timeMs += 320);
    const ranges = Array.from({ length: 64 }, (_, place) => (
      { path, offset: place % 10, length: 1 }
    ));
    const found = await reads.readAll(ranges)!;
    assert.equal(found.length, 64);
    assert.deepEqual(
      textsOf(found),
      ranges.map(({ offset }, place) => place < 16 ? TEXT[offset] : undefined),
    );
    reads.close();
  });
});

Deno.test("ranges pass all layers as one operation, and count as so many gets as came", async () => {
  const ranged = new Ranged();
  const clock = new TurningClock();
  const store = layered(ranged, {
    watchdog: {},
    limits: { concurrency: 1 },
    retry: {},
    prefix: "part/",
    readOnly: true,
    clock,
    random: Math.random,
  });
  const ranges = ["a", "none", "b"].map((key, offset) => (
    { key, offset, length: 2 }
  ));
  const found = await store.getRanges!(ranges);
  assert.deepEqual(textsOf(found), ["01", undefined, "23"]);
  assert.deepEqual(ranged.asked.map((it) => it.map(({ key }) => key)), [
    ["part/a", "part/none", "part/b"],
  ]);
  const { count, bytes, active, latencies } = store.metrics.get!;
  assert.deepEqual([count, bytes, active], [2, 4, 0]);
  assert.equal(latencies.reduce((sum, it) => sum + it, 0), 2);
});

Deno.test("what has no ranges shows none through any layer, nor does a layer that is about get", () => {
  const options = { clock: new TurningClock(), random: Math.random };
  assert.equal(layered(new MemoryStore(), options).getRanges, undefined);
  assert.equal(new StoreLayer(new Ranged()).getRanges, undefined);
});

Deno.test("ranges without an end are given up, together", async () => {
  const clock = new TurningClock();
  const ranged = new Ranged();
  ranged.ready = new Promise(() => {});
  const store = new WatchedStore(ranged, {
    clock,
    timeoutMs: 1000,
    endsWhenAborted: false,
  });
  const range = { key: "a", offset: 0, length: 16_000 };
  let code: string | undefined;
  store.getRanges!([range, range]).catch((error) =>
    code = blobErrorCode(error)
  );
  // Two seconds are for the bytes.
  await clock.advance(2999);
  assert.equal(code, undefined);
  await clock.advance(5002);
  assert.equal(code, "Timeout");
});

Deno.test("ranges take one turn of a limited store, and all their bytes", async () => {
  const ranged = new Ranged();
  const go = Promise.withResolvers<void>();
  ranged.ready = go.promise;
  const clock = new TurningClock();
  const limits = { concurrency: 1, downloadBytesPerSecond: 1000 };
  const store = new LimitedStore(ranged, limits, clock);
  const ranges = [0, 1, 2, 3].map((offset) => (
    { key: "a", offset, length: 500 }
  ));
  const first = store.getRanges!(ranges);
  const second = store.getRanges!(ranges);
  await turns();
  assert.equal(ranged.asked.length, 1);
  go.resolve();
  await first;
  await clock.advance(900);
  assert.equal(ranged.asked.length, 1, "one second's bytes are lent");
  await clock.advance(200);
  await second;
  assert.equal(ranged.asked.length, 2);
});

Deno.test("ranges that did not come take no bytes of a limited store", async () => {
  const ranged = new Ranged();
  const clock = new TurningClock();
  const limits = { concurrency: 1, downloadBytesPerSecond: 1000 };
  const store = new LimitedStore(ranged, limits, clock);
  const range = { key: "none", offset: 0, length: 2000 };
  for (let count = 0; count < 3; count++) {
    await store.getRanges!([range]);
    assert.equal(ranged.asked.length, count + 1);
  }
  const missed = { key: "a", offset: 0, length: 1000 };
  let isDone = false;
  const last = store.getRanges!([missed]).then(() => isDone = true);
  await turns();
  assert.ok(isDone, "nothing flowed until now");
  await last;
});

Deno.test("ranges that fail together count as one failure, and take no bytes of a limited store", async () => {
  const ranged = new Ranged();
  ranged.ready = Promise.reject(new BlobError("no", { code: "Timeout" }));
  const clock = new TurningClock();
  const limits = { downloadBytesPerSecond: 1000 };
  const store = layered(ranged, { limits, clock, random: Math.random });
  const range = { key: "a", offset: 0, length: 2000 };
  for (let count = 0; count < 3; count++) {
    await assert.rejects(store.getRanges!([range, range]));
    assert.equal(ranged.asked.length, count + 1);
  }
  const { count, bytes, active, errors } = store.metrics.get!;
  assert.deepEqual([count, bytes, active], [3, 0, 0]);
  assert.deepEqual(errors, { Timeout: 3 });
});
