/** Packs while their index is made anew: what it knew before is still read, and nothing else is believed. */

import assert from "node:assert/strict";
import { assertSame } from "../assert_same.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { DiskIndex } from "../../cas/index/disk_index.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import type { ScoreIndex } from "../../cas/index/score_index.ts";
import { seeded } from "./front/fixtures.ts";
import {
  assertReads,
  hasher,
  noise,
  openRig,
  PliableStore,
  readBlocks,
  type Rig,
  sampleBlocks,
  scoreOf,
  type TestBlock,
  writeBlocks,
} from "./packs_rig.ts";

function openDiskIndex(disk: SimulatedDisk): DiskIndex {
  return DiskIndex.open({
    disk,
    identity: "archive",
    hash: hasher.hash,
    onEvent: () => {},
    tableEntriesMax: 4,
  });
}

function newDisk(): SimulatedDisk {
  return new SimulatedDisk({ random: seeded(1) });
}

const INDEXES: Readonly<Record<string, () => ScoreIndex>> = {
  memory: () => new MemoryIndex(),
  disk: () => openDiskIndex(newDisk()),
};

/** Packs of five blocks each. */
async function writePacks(rig: Rig, packCount = 6): Promise<TestBlock[]> {
  const blocks: TestBlock[] = [];
  for (let pack = 0; pack < packCount; pack++) {
    const some = sampleBlocks(5, pack + 1);
    await writeBlocks(rig.packs, some);
    blocks.push(...some);
  }
  return blocks;
}

/** Lets no listing go on before `end`. */
function holdListing(store: PliableStore): () => void {
  const gate = Promise.withResolvers<void>();
  store.before = (operation) => operation === "list" ? gate.promise : undefined;
  return gate.resolve;
}

for (const [kind, make] of Object.entries(INDEXES)) {
  Deno.test(`what an index in ${kind} knew is read while it is made anew, and what it did not know waits`, async () => {
    const rig = openRig({ index: make(), packBytesMax: 20_000 });
    const { packs, store } = rig;
    const blocks = await writePacks(rig);
    const [other] = sampleBlocks(1, 99) as [TestBlock];
    await writeBlocks(openRig({ store }).packs, [other]);
    const end = holdListing(store);
    const rebuilt = packs.rebuild();
    await assertReads(packs, blocks);
    assert.equal(packs.locate(scoreOf(blocks[0]!), 0)?.suspect, true);
    const [missed] = await readBlocks(packs, [other]);
    assert.ok(missed !== undefined && !(missed instanceof Uint8Array));
    assert.equal(missed.unsettled, true);
    // It cannot be told yet whether it is stored.
    const { newCount } = await writeBlocks(packs, blocks.slice(0, 1));
    assert.equal(newCount, 1);
    await assertReads(packs, blocks);
    end();
    await rebuilt;
    assert.equal(rig.index.former, undefined);
    await assertReads(packs, [...blocks, other]);
    assert.equal(packs.locate(scoreOf(blocks[9]!), 0)?.suspect, false);
    assert.equal(packs.packsIndexed, undefined);
    await packs.close();
  });

  Deno.test(`an index in ${kind} that could not be made anew to its end is tried again, and read meanwhile`, async () => {
    const index = make();
    const rig = openRig({ index, packBytesMax: 20_000 });
    const { packs } = rig;
    const blocks = await writePacks(rig);
    const addPack = index.addPack.bind(index);
    let left = 2;
    index.addPack = (name, entries) =>
      left-- > 0
        ? addPack(name, entries)
        : Promise.reject(new Error("no room at all"));
    await assert.rejects(packs.rebuild(), /no room at all/);
    await assertReads(packs, blocks);
    const [nowhere] = sampleBlocks(1, 99) as [TestBlock];
    const [missed] = await readBlocks(packs, [nowhere]);
    assert.ok(missed !== undefined && !(missed instanceof Uint8Array));
    assert.equal(missed.unsettled, true);
    index.addPack = addPack;
    assert.equal(await packs.mend(), 1);
    assert.equal(index.former, undefined);
    await assertReads(packs, blocks);
    await packs.close();
  });
}

Deno.test("an index that could not be made anew, and then was, is saved", async () => {
  const disk = newDisk();
  const rig = openRig({ index: openDiskIndex(disk), packBytesMax: 20_000 });
  const blocks = await writePacks(rig);
  const { packs, index, store } = rig;
  const addPack = index.addPack.bind(index);
  index.addPack = () => Promise.reject(new Error("no room at all"));
  await assert.rejects(packs.rebuild(), /no room at all/);
  index.addPack = addPack;
  await packs.addPacks([]);
  await packs.close();
  const again = openRig({ index: openDiskIndex(disk), store });
  const gets = store.getCount;
  assert.equal(again.index.packCount, 6);
  assert.equal(store.getCount, gets);
  await assertReads(again.packs, blocks);
});

Deno.test("of an index with a damaged page all others are read while it is made anew", async () => {
  const disk = newDisk();
  const rig = openRig({ index: openDiskIndex(disk), packBytesMax: 20_000 });
  const { packs, store } = rig;
  const blocks = await writePacks(rig, 40);
  const runs = disk.list().filter((name) => name.startsWith("run-"))
    .map((name) => disk.open(name)).sort((a, b) => a.size - b.size);
  assert.ok(runs.length > 1);
  runs[0]!.write(new Uint8Array(64).fill(0xff), 100);
  const end = holdListing(store);
  const found = await readBlocks(packs, blocks);
  const lost = found.filter((it) => !(it instanceof Uint8Array));
  assert.ok(
    lost.length > 0 && lost.length < blocks.length / 2,
    `${lost.length} of ${blocks.length}`,
  );
  for (const [i, it] of found.entries()) {
    if (it instanceof Uint8Array) assertSame(it, blocks[i]!.bytes);
    else assert.equal(it.unsettled, true);
  }
  end();
  assert.equal(await packs.mend(), 1);
  assert.deepEqual(
    rig.events.map(({ event }) => event),
    ["index-damaged", "index-mended"],
  );
  await assertReads(packs, blocks);
  await packs.close();
});

Deno.test("packs that are to be added wait for the index that is made anew, and are read once", async () => {
  const rig = openRig({ packBytesMax: 20_000 });
  const { packs, store, index } = rig;
  const blocks = await writePacks(rig);
  const names = [...packs.knownPacks()];
  const end = holdListing(store);
  const before = store.getCount;
  const rebuilt = packs.rebuild();
  const added = packs.addPacks(names);
  end();
  await Promise.all([rebuilt, added]);
  assert.equal(store.getCount - before, index.packCount);
  await assertReads(packs, blocks);
});

Deno.test("a read that fails after the index was made anew makes no block suspect", async () => {
  const store = new PliableStore();
  const shared = { kind: 0, bytes: noise(1) };
  const names: string[] = [];
  for (const seed of [2, 3]) {
    const { packs } = openRig({ store });
    const own = { kind: 0, bytes: noise(seed) };
    names.push(...(await writeBlocks(packs, [shared, own])).names);
  }
  const [gone] = names as [string];
  const key = `packs/${gone.slice(0, 2)}/${gone}`;
  const { packs } = openRig({ store });
  await packs.addPacks([gone]);
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  store.before = (operation) => {
    if (operation !== "get") return;
    store.before = () => {};
    begun.resolve();
    return gate.promise;
  };
  const read = readBlocks(packs, [shared]);
  await begun.promise;
  // The other pack has its number then, and the block in the same place.
  store.space.blobs.delete(key);
  await packs.rebuild();
  gate.resolve();
  const [found] = await read;
  assert.ok(found instanceof Uint8Array);
  assertSame(found, shared.bytes);
  const place = packs.locate(scoreOf(shared), 0);
  assert.equal(place?.pack, names[1]);
  assert.equal(place?.suspect, false);
});
