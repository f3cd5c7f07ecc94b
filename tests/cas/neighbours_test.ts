import assert from "node:assert/strict";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { DiskIndex } from "../../cas/index/disk_index.ts";
import { seededRandom } from "./index_rig.ts";
import {
  assertReads,
  hasher,
  noise,
  openRig,
  PliableStore,
  type TestBlock,
  writeBlocks,
} from "./packs_rig.ts";

function sampleBlocks(count: number): TestBlock[] {
  return Array.from(
    { length: count },
    (_, i) => ({ kind: 0, bytes: noise(i) }),
  );
}

/** Packs, of about 25 blocks where nothing else is said, over an index in files. */
function openDiskRig(
  store: PliableStore,
  disk: SimulatedDisk,
  options: Parameters<typeof openRig>[0] = {},
): ReturnType<typeof openRig> {
  const index = DiskIndex.open({
    disk,
    identity: "archive 1",
    hash: hasher.hash,
    onEvent: () => {},
    tableEntriesMax: 30,
  });
  return openRig({ store, index, packBytesMax: 110_000, ...options });
}

/** Packs of about 100 blocks. */
const LARGE = { packBytesMax: 420_000 } as const;

async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("blocks that lie together are found with a few page reads, in reads and in writes", async () => {
  const store = new PliableStore();
  const disk = new SimulatedDisk({ random: seededRandom(4) });
  const blocks = sampleBlocks(250);
  const first = openDiskRig(store, disk);
  await writeBlocks(first.packs, blocks);
  await first.packs.close();

  const { packs, index } = openDiskRig(store, disk);
  for (const block of blocks) {
    await assertReads(packs, [block]);
    await pause();
  }
  const forReads = index.statistics.pageReads;
  assert.ok(forReads > 0 && forReads < 30, `${forReads} pages`);
  const writer = packs.write();
  for (const { kind, bytes } of blocks) {
    assert.equal(await writer.add(kind, hasher.hash(bytes), bytes), false);
    await pause();
  }
  await writer.finish();
  const forWrites = index.statistics.pageReads - forReads;
  assert.ok(forWrites < 30, `${forWrites} pages`);
  await packs.close();
});

Deno.test("blocks that lie together are located with a few page reads, each where it is", async () => {
  const store = new PliableStore();
  const disk = new SimulatedDisk({ random: seededRandom(4) });
  const blocks = sampleBlocks(250);
  const first = openDiskRig(store, disk);
  await writeBlocks(first.packs, blocks);
  const scores = blocks.map(({ bytes }) => hasher.hash(bytes));
  const places = scores.map((score) => first.packs.locate(score, 0)!);
  await first.packs.close();

  const { packs, index } = openDiskRig(store, disk);
  for (const [block, score] of scores.entries()) {
    const place = packs.locate(score, 0, true);
    assert.equal(place?.pack, places[block]!.pack);
    assert.equal(place.offset, places[block]!.offset);
    await pause();
  }
  const { pageReads } = index.statistics;
  assert.ok(pageReads > 0 && pageReads < 50, `${pageReads} pages`);
  await packs.close();
});

Deno.test("a row of many blocks takes pages for the first two, and the directory of its pack", async () => {
  const store = new PliableStore();
  const disk = new SimulatedDisk({ random: seededRandom(4) });
  const blocks = sampleBlocks(200);
  const first = openDiskRig(store, disk, LARGE);
  await writeBlocks(first.packs, blocks);
  await first.packs.close();

  const { packs, index } = openDiskRig(store, disk, {
    ...LARGE,
    sleep: () => Promise.withResolvers<void>().promise,
  });
  const row = blocks.slice(0, 80);
  const pagesOfTwo = await pagesOf(index, packs, blocks.slice(0, 2));
  const before = store.getCount;
  // All ask before the directory is there, and it is read once.
  const asked = await pagesOf(index, packs, row, row);
  assert.ok(asked <= 2 * pagesOfTwo, `${asked} pages, ${pagesOfTwo} of two`);
  const gets = store.getCount - before;
  assert.ok(gets <= 4, `${gets} gets: the rows, their directory, the next one`);
  assert.equal(await pagesOf(index, packs, row), 0);
  const mixed = Array.from(
    { length: 80 },
    (_, i) => blocks[i % 2 === 0 ? 199 - i : 120 + i]!,
  );
  await assertReads(packs, mixed);
  await packs.close();
});

Deno.test("a row is read although the directory of its pack does not come", async () => {
  const store = new PliableStore();
  const disk = new SimulatedDisk({ random: seededRandom(4) });
  const blocks = sampleBlocks(100);
  const first = openDiskRig(store, disk, LARGE);
  await writeBlocks(first.packs, blocks);
  await first.packs.close();

  const { packs } = openDiskRig(store, disk, LARGE);
  const away = Promise.withResolvers<void>();
  store.before = (operation) => operation === "head" ? away.promise : undefined;
  await assertReads(packs, blocks.slice(0, 80));
  await assertReads(packs, blocks.slice(0, 80));
  away.resolve();
  await packs.close();
});

/** Pages of the index that are read for these rows, asked for together. */
async function pagesOf(
  index: ReturnType<typeof openRig>["index"],
  packs: ReturnType<typeof openRig>["packs"],
  ...rows: TestBlock[][]
): Promise<number> {
  const before = index.statistics.pageReads;
  await Promise.all(rows.map((row) => assertReads(packs, row)));
  return index.statistics.pageReads - before;
}

Deno.test("a damaged block is healed though its pack was remembered", async () => {
  const store = new PliableStore();
  const disk = new SimulatedDisk({ random: seededRandom(4) });
  const blocks = sampleBlocks(100);
  const first = openDiskRig(store, disk);
  const { names } = await writeBlocks(first.packs, blocks);
  await first.packs.close();

  const { packs } = openDiskRig(store, disk);
  for (const block of blocks.slice(0, 15)) {
    await assertReads(packs, [block]);
    await pause();
  }
  const name = names[0] as string;
  const key = `packs/${name.slice(0, 2)}/${name}`;
  const sound = store.space.blobs.get(key) as Uint8Array<ArrayBuffer>;
  const bad = sound.slice();
  bad.fill(0, 16, 16 + 4096);
  store.space.blobs.set(key, bad);
  await assert.rejects(assertReads(packs, blocks.slice(0, 1)));
  const healed = await writeBlocks(packs, blocks.slice(0, 15));
  assert.equal(healed.newCount, 1);
  await assertReads(packs, blocks);
  await packs.close();
});

Deno.test("what was remembered of packs is forgotten when the index is begun anew, and reads go on", async () => {
  const store = new PliableStore();
  const disk = new SimulatedDisk({ random: seededRandom(4) });
  const blocks = sampleBlocks(100);
  const first = openDiskRig(store, disk);
  await writeBlocks(first.packs, blocks);
  await first.packs.close();

  const { packs } = openDiskRig(store, disk);
  for (const block of blocks) {
    await assertReads(packs, [block]);
    await pause();
  }
  const gate = Promise.withResolvers<void>();
  store.before = (operation) => operation === "list" ? gate.promise : undefined;
  const rebuilt = packs.rebuild();
  await pause();
  await assertReads(packs, blocks);
  gate.resolve();
  await rebuilt;
  await assertReads(packs, blocks);
  await packs.close();
});

Deno.test("a row that waits for a directory when the packs are closed is told that, and not that its blocks are lost", async () => {
  const store = new PliableStore();
  const disk = new SimulatedDisk({ random: seededRandom(4) });
  const blocks = sampleBlocks(100);
  const first = openDiskRig(store, disk, LARGE);
  await writeBlocks(first.packs, blocks);
  await first.packs.close();

  const never = new Promise<void>(() => {});
  const { packs } = openDiskRig(store, disk, { ...LARGE, sleep: () => never });
  const gate = Promise.withResolvers<void>();
  store.before = () => gate.promise;
  const delivered: number[] = [];
  const scores = new Uint8Array(blocks.length * 32);
  blocks.forEach(({ bytes }, i) => scores.set(hasher.hash(bytes), i * 32));
  const reading = packs.read(0, scores, (index) => delivered.push(index));
  await pause();
  await packs.close();
  gate.resolve();
  await assert.rejects(reading, { code: "Closed" });
  assert.deepEqual(delivered, []);
});
