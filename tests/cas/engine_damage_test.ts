import assert from "node:assert/strict";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import type { ArchivePort } from "../../cas/archive_port.ts";
import type { ArchiveHints } from "../../cas/engine/hints.ts";
import { archiveErrorCode } from "../../cas/errors.ts";
import { apply, Bench, hasher, whole } from "./engine_bench.ts";
import { MapBlocks } from "./engine_map_blocks.ts";

const BLOCK_COUNT = 100_000;

interface Disk {
  readonly bench: Bench;
  readonly archive: ArchivePort;
  readonly view: number;
}

async function makeDisk(): Promise<Disk> {
  const bench = new Bench();
  const archive = await bench.open({ pointerCacheBytesMax: 0 });
  const request = { volume: "disk", createBlockCount: BLOCK_COUNT };
  const { view } = await archive.openView(request);
  return { bench, archive, view };
}

function dataKey(value: number): string {
  const block = new Uint8Array(BLOCK_SIZE);
  apply(block, { mask: 0xff, value });
  return `0:${hasher.hash(block).toHex()}`;
}

/** Damages the level 1 pointer block over a data block; its key. */
async function damageLeaf(disk: Disk, block: number): Promise<string> {
  const { bench, archive, view } = disk;
  bench.blocks.reads.length = 0;
  await bench.read(archive, view, [block]);
  const key = bench.blocks.reads.findLast((each) => each.startsWith("1:"))!;
  bench.blocks.damaged.add(key);
  return key;
}

Deno.test("a damaged block fails exactly its own reads, with one event that names it", async () => {
  const disk = await makeDisk();
  const { bench, archive, view } = disk;
  await bench.write(
    archive,
    view,
    [1, 2, 3, 10, 11].map((block) => whole(block, block === 11 ? 10 : block)),
  );
  bench.blocks.damaged.add(dataKey(10));
  const found = await bench.read(archive, view, [11, 3, 10, 4]);
  assert.deepEqual(found.map((block) => block?.[0] ?? null), [
    null,
    3,
    null,
    0,
  ]);
  const events = bench.eventsOf("block-damaged");
  assert.equal(events.length, 1);
  const [event] = events;
  assert.equal(event!.severity, "corrupt");
  assert.equal(event!.score, dataKey(10).slice(2));
  assert.ok(bench.blocks.packs.has(event!.pack as string));
  assert.equal(event!.volume, "disk");
  assert.deepEqual(event!.sectors, [{ lba: 80, sectorCount: 16 }]);
  assert.match(event!.message, /sectors 80 to 95 of volume "disk"/);
  await archive.close();
});

Deno.test("a damaged block that is read again and again is reported once a minute", async () => {
  const { bench, archive, view } = await makeDisk();
  await bench.write(archive, view, [whole(3, 9), whole(4, 9)]);
  bench.blocks.damaged.add(dataKey(9));
  const sectors = (): unknown =>
    bench.eventsOf("block-damaged").map((event) => event.sectors);
  for (let times = 0; times < 5; times++) await bench.read(archive, view, [3]);
  assert.deepEqual(sectors(), [[{ lba: 24, sectorCount: 8 }]]);
  await bench.read(archive, view, [3, 4]);
  assert.deepEqual(sectors(), [
    [{ lba: 24, sectorCount: 8 }],
    [{ lba: 32, sectorCount: 8 }],
  ]);
  bench.clock.timeMs += 60_000;
  await bench.read(archive, view, [3]);
  assert.equal(bench.eventsOf("block-damaged").length, 3);
  await archive.close();
});

Deno.test("a damaged pointer block fails exactly the blocks below it, with one event", async () => {
  const disk = await makeDisk();
  const { bench, archive, view } = disk;
  const blocks = Array.from({ length: 300 }, (_, index) => index);
  await bench.write(
    archive,
    view,
    blocks.map((block) => whole(block, 1 + block % 200)),
  );
  const key = await damageLeaf(disk, 130);
  const found = await bench.read(archive, view, blocks);
  found.forEach((content, block) => {
    if (block >= 128 && block < 256) assert.equal(content, null);
    else assert.equal(content![0], 1 + block % 200);
  });
  const events = bench.eventsOf("block-damaged");
  assert.equal(events.length, 1);
  assert.equal(events[0]!.score, key.slice(2));
  assert.equal(events[0]!.level, 1);
  assert.deepEqual(events[0]!.sectors, [{ lba: 1024, sectorCount: 1024 }]);
  await archive.close();
});

Deno.test("a partial write over a damaged block is deferred, and folds once the base is whole", async () => {
  const disk = await makeDisk();
  const { bench, archive, view } = disk;
  await bench.write(archive, view, [whole(5, 9), whole(6, 8)]);
  bench.blocks.damaged.add(dataKey(9));
  const partial = { block: 5, mask: 0x0f, value: 7 };
  const result = await bench.write(archive, view, [partial, whole(6, 3)]);
  assert.deepEqual(result.deferred, [{ view, blocks: Float64Array.of(5) }]);
  const found = await bench.read(archive, view, [5, 6]);
  assert.equal(found[0], null);
  assert.equal(found[1]![0], 3);
  assert.deepEqual(
    bench.eventsOf("writes-deferred"),
    [],
    "who keeps them tells",
  );
  const again = await bench.write(archive, view, [partial]);
  assert.deepEqual(again.deferred, result.deferred);
  assert.deepEqual(again.roots, [], "nothing has changed");
  bench.blocks.damaged.clear();
  const healed = await bench.write(archive, view, [partial]);
  assert.equal(healed.deferred, undefined);
  const [block] = await bench.read(archive, view, [5]);
  const expected = new Uint8Array(BLOCK_SIZE).fill(9);
  apply(expected, partial);
  assert.deepEqual(block, expected);
  await archive.close();
});

Deno.test("a whole write heals a damaged block", async () => {
  const disk = await makeDisk();
  const { bench, archive, view } = disk;
  await bench.write(archive, view, [whole(5, 9)]);
  bench.blocks.damaged.add(dataKey(9));
  const result = await bench.write(archive, view, [whole(5, 9)]);
  assert.equal(result.deferred, undefined);
  assert.equal(result.blocksNew, 1);
  assert.equal((await bench.read(archive, view, [5]))[0]![0], 9);
  await archive.close();
});

Deno.test("writes below a damaged pointer block are deferred, the rest is archived", async () => {
  const disk = await makeDisk();
  const { bench, archive, view } = disk;
  await bench.write(archive, view, [whole(130, 1), whole(300, 2)]);
  await damageLeaf(disk, 130);
  const result = await bench.write(archive, view, [
    whole(131, 3),
    { block: 140, mask: 1, value: 4 },
    whole(301, 5),
  ]);
  assert.deepEqual(result.deferred, [
    { view, blocks: Float64Array.of(131, 140) },
  ]);
  const found = await bench.read(archive, view, [130, 131, 300, 301]);
  assert.deepEqual(found.map((each) => each?.[0] ?? null), [null, null, 2, 5]);
  const region = Array.from(
    { length: 128 },
    (_, index) => whole(128 + index, 6),
  );
  const healed = await bench.write(archive, view, region);
  assert.equal(healed.deferred, undefined);
  assert.equal((await bench.read(archive, view, [255]))[0]![0], 6);
  await archive.close();
});

Deno.test("a damaged newest root is refused by name, never replaced by an older one", async () => {
  const { bench, archive, view } = await makeDisk();
  const { roots } = await bench.write(archive, view, [whole(1, 1)]);
  await bench.write(archive, view, [whole(1, 2)]);
  await archive.openView({ volume: "fine", createBlockCount: 7 });
  await archive.close();
  const key = [...bench.space.blobs.keys()].find((each) => each.endsWith("2"))!;
  bench.space.blobs.get(key)![100]! ^= 1;
  const again = new Bench(bench.space);
  const other = await again.open();
  assert.equal(again.eventsOf("root-damaged").length, 1);
  for (const createBlockCount of [undefined, BLOCK_COUNT]) {
    const size = createBlockCount === undefined ? {} : { createBlockCount };
    await assert.rejects(
      other.openView({ volume: "disk", ...size }),
      (error: Error) => {
        assert.equal(archiveErrorCode(error), "Damaged");
        assert.ok(error.message.includes(key), error.message);
        return true;
      },
    );
  }
  assert.equal((await other.openView({ volume: "fine" })).blockCount, 7);
  const older = await other.openView({ root: roots[0]!.rootHash });
  assert.equal((await again.read(other, older.view, [1]))[0]![0], 1);
  await other.close();
});

Deno.test("a volume whose newest root is sound again is served again, without another start", async () => {
  const { bench, archive, view } = await makeDisk();
  await bench.write(archive, view, [whole(1, 1)]);
  await archive.close();
  const key = [...bench.space.blobs.keys()].find((each) =>
    /^roots.*1$/.test(each)
  )!;
  bench.space.blobs.get(key)![100]! ^= 1;
  const again = new Bench(bench.space);
  const other = await again.open();
  const open = () => other.openView({ volume: "disk" });
  await assert.rejects(open(), { code: "Damaged" });
  bench.space.blobs.get(key)![100]! ^= 1;
  again.clock.timeMs += 2000;
  const head = await open();
  assert.equal((await again.read(other, head.view, [1]))[0]![0], 1);
  await again.write(other, head.view, [whole(1, 2)]);
  assert.equal((await again.read(other, head.view, [1]))[0]![0], 2);
  assert.equal(again.eventsOf("root-damaged").length, 1);
  await other.close();
});

Deno.test("a damaged snapshot is reported and refused, the others are listed", async () => {
  const { bench, archive, view } = await makeDisk();
  await archive.createSnapshot(view, "bad");
  const good = await archive.createSnapshot(view, "good");
  const key = [...bench.space.blobs.keys()].find((each) =>
    each.endsWith("/bad")
  )!;
  bench.space.blobs.get(key)![30]! ^= 1;
  assert.deepEqual(await archive.listSnapshots(), [good]);
  assert.equal(bench.eventsOf("snapshot-damaged")[0]!.key, key);
  await assert.rejects(
    archive.openView({ volume: "disk", snapshot: "bad" }),
    (error: Error) => archiveErrorCode(error) === "Damaged",
  );
  await archive.close();
});

/** An index that has the first `packCount` packs of an archive. */
async function staleIndex(
  bench: Bench,
  packs: readonly string[],
): Promise<MapBlocks> {
  const blocks = new MapBlocks(bench.store, hasher);
  await blocks.addPacks(packs);
  return blocks;
}

Deno.test("an index that is behind is brought up to date along the chain of roots", async () => {
  const { bench, archive, view } = await makeDisk();
  for (let value = 1; value < 6; value++) {
    await bench.write(archive, view, [whole(value, value)]);
  }
  await archive.close();
  const packs = [...bench.blocks.packs];
  assert.equal(packs.length, 6);
  const again = new Bench(bench.space);
  const stale = await staleIndex(again, packs.slice(0, 3));
  const other = await again.open({ openBlocks: () => Promise.resolve(stale) });
  assert.deepEqual([...stale.packs], packs);
  assert.equal(stale.rebuilds, 0);
  await other.close();
});

Deno.test("an empty index is made anew, with progress now and then", async () => {
  const { bench, archive, view } = await makeDisk();
  await bench.write(archive, view, [whole(1, 1)]);
  await archive.close();
  const again = new Bench(bench.space);
  const other = await again.open();
  assert.equal(again.blocks.rebuilds, 1);
  const done = again.eventsOf("index-rebuild-progress").map((each) =>
    each.packsDone
  );
  assert.deepEqual(done, [1]);
  const [all] = again.eventsOf("index-rebuild-done");
  assert.equal(all?.packCount, 2);
  await other.close();
});

Deno.test("a block in a pack that no root names is found all the same", async () => {
  const { bench, archive, view } = await makeDisk();
  const crashed = bench.blocks.write();
  const content = new Uint8Array(BLOCK_SIZE).fill(42);
  await crashed.add(0, hasher.hash(content), content);
  await crashed.finish();
  const result = await bench.write(archive, view, [whole(7, 42)]);
  assert.equal(result.blocksDuplicate, 1);
  await archive.close();
  const first = [...bench.blocks.packs][0]!;
  const again = new Bench(bench.space);
  const stale = await staleIndex(again, [first]);
  const other = await again.open({ openBlocks: () => Promise.resolve(stale) });
  assert.equal(stale.packs.size, 2);
  const opened = await other.openView({ volume: "disk" });
  assert.equal((await again.read(other, opened.view, [7]))[0]![0], 42);
  assert.equal(again.eventsOf("pack-search-done")[0]!.packCount, 1);
  await other.close();
});

Deno.test("a block is found whose pack the index knew of only once it was made anew, beside the search for it", async () => {
  const { bench, archive, view } = await makeDisk();
  await bench.write(archive, view, [whole(7, 42)]);
  await archive.close();
  const again = new Bench(bench.space);
  const stale = await staleIndex(again, [...bench.blocks.packs]);
  const other = await again.open({ openBlocks: () => Promise.resolve(stale) });
  const opened = await other.openView({ volume: "disk" });
  const data = dataKey(42);
  const forgotten = stale.known.get(data)!;
  stale.known.delete(data);
  const read = stale.read.bind(stale);
  stale.read = async (kind, scores, receive): Promise<void> => {
    await read(kind, scores, receive);
    if (stale.reads.at(-1) === data) stale.known.set(data, forgotten);
  };
  assert.equal((await again.read(other, opened.view, [7]))[0]![0], 42);
  assert.equal(again.eventsOf("pack-search-done")[0]!.packCount, 0);
  await other.close();
});

Deno.test("a newest root that vanished is refused by a server that has seen it, again and again", async () => {
  let bench = new Bench();
  const hints = {
    saved: undefined as ArchiveHints | undefined,
    load(): Promise<unknown> {
      return Promise.resolve(this.saved);
    },
    save(saved: ArchiveHints): Promise<void> {
      this.saved = saved;
      return Promise.resolve();
    },
  };
  let archive = await bench.open({ hints });
  const request = { volume: "disk", createBlockCount: 1000 };
  const { view } = await archive.openView(request);
  await bench.write(archive, view, [whole(1, 1)]);
  await archive.close();
  const newest = [...bench.space.blobs.keys()].find((key) =>
    /^roots.*1$/.test(key)
  )!;
  const root = bench.space.blobs.get(newest)!;
  bench.space.blobs.delete(newest);
  for (let start = 0; start < 2; start++) {
    bench = new Bench(bench.space);
    archive = await bench.open({ hints });
    await assert.rejects(archive.openView({ volume: "disk" }), {
      code: "Damaged",
      message: /is missing, though this server has seen it: .*repair --from/,
    });
    await archive.close();
  }
  bench.space.blobs.set(newest, root);
  bench = new Bench(bench.space);
  archive = await bench.open({ hints });
  assert.equal((await archive.openView({ volume: "disk" })).sequence, 1);
  await archive.close();
});
