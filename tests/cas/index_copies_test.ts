/** Copies of the index in the store: a new machine reads them, and believes none that lies. */

import assert from "node:assert/strict";
import type { BlockStore } from "../../cas/block_store.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { BlockReader } from "../../cas/engine/block_reader.ts";
import { Retry } from "../../cas/engine/retry.ts";
import type { DiskIndex } from "../../cas/index/disk_index.ts";
import {
  COPY_HEAD_BYTES_MAX,
  type CopySection,
  decodeCopyHead,
} from "../../cas/packs/index_copy_format.ts";
import { seeded } from "./front/fixtures.ts";
import {
  archive,
  COPY_PACKS,
  exchangeExtents,
  exchangePlaces,
  forge,
  keysOf,
  newMachine,
  openIndex,
  OPTIONS,
  packGets,
  test,
} from "./index_copies_rig.ts";
import {
  assertReads,
  hasher,
  noise,
  openRig,
  PliableStore,
  readBlocks,
  sampleBlocks,
  scoreOf,
  type TestBlock,
  writeBlocks,
} from "./packs_rig.ts";

test("a new machine reads the directories only of packs that are in no copy", async () => {
  const store = new PliableStore();
  const blocks = await archive(store, 2 * COPY_PACKS + 3);
  assert.equal(keysOf(store, "index/").length, 2);
  const { packs, gets, events } = await newMachine(store);
  assert.equal(gets.length, 2 + 3);
  assert.equal(packGets(gets).length, 3);
  assert.equal(
    events.find(({ event }) => event === "index-copies-read")?.packCount,
    2 * COPY_PACKS,
  );
  await assertReads(packs, blocks);
  for (const key of keysOf(store, "packs/")) {
    assert.ok(packs.knowsPack(key.slice(-64)));
  }
});

Deno.test("a new machine tells how far it is, copies or not", async () => {
  const store = new PliableStore();
  await archive(store, COPY_PACKS + 2);
  const { packs } = openRig({ ...OPTIONS, store });
  const progress: number[] = [];
  await packs.fill((packsDone) => progress.push(packsDone));
  assert.deepEqual(progress, [1, 2, 3, 4, 5, 6]);
});

test("an index that is made anew by hand is made of the packs alone", async () => {
  const store = new PliableStore();
  const blocks = await archive(store, COPY_PACKS);
  const { packs, gets, index } = await newMachine(store);
  assert.ok(index.restsOnCopies);
  gets.length = 0;
  await packs.rebuild();
  assert.equal(packGets(gets).length, COPY_PACKS);
  assert.equal(gets.length, COPY_PACKS);
  assert.ok(!index.restsOnCopies);
  await assertReads(packs, blocks);
});

Deno.test("an archive without copies gets them, one at a time", async () => {
  const store = new PliableStore();
  await archive(store, 3 * COPY_PACKS + 1);
  for (const key of keysOf(store, "index/")) store.space.blobs.delete(key);
  const { packs } = openRig({ ...OPTIONS, store });
  await packs.fill();
  for (const count of [1, 2, 3, 3]) {
    await packs.copyIndex();
    assert.equal(keysOf(store, "index/").length, count);
  }
});

Deno.test("packs that are in copies come into no second one after a restart", async () => {
  const store = new PliableStore();
  await archive(store, COPY_PACKS + 1);
  const disk = new SimulatedDisk({ random: seeded(1) });
  const index = (): DiskIndex => openIndex(disk);
  const first = await newMachine(store, { index: index() });
  await first.packs.close();
  // Its index is there: unlike a new machine it has read no copy yet.
  const gets: string[] = [];
  store.before = (operation, key) => {
    if (operation === "get") gets.push(key);
  };
  const { packs } = openRig({ ...OPTIONS, store, index: index() });
  assert.equal([...packs.knownPacks()].length, COPY_PACKS + 1);
  await packs.copyIndex();
  const copies = keysOf(store, "index/");
  assert.equal(copies.length, 1);
  // Looked at once, and no pack is read.
  assert.deepEqual(gets, copies);
  await packs.copyIndex();
  assert.deepEqual(gets, copies);
  await packs.close();
  assert.ok(COPY_HEAD_BYTES_MAX < 6000);
});

test("a damaged, cut off, foreign or unknown copy is told of, and its packs are read", async () => {
  const damages: ((bytes: Uint8Array) => Uint8Array)[] = [
    (bytes) => bytes.with(bytes.length - 5, bytes.at(-5)! ^ 4),
    (bytes) => bytes.with(20, bytes[20]! ^ 1),
    (bytes) => bytes.with(7, "2".charCodeAt(0)),
    (bytes) => bytes.subarray(0, bytes.length - 22),
    (bytes) => bytes.subarray(0, 9),
    () => new Uint8Array(0),
  ];
  for (const damage of damages) {
    for (const rename of [false, true]) {
      const store = new PliableStore();
      const blocks = await archive(store, COPY_PACKS);
      const [key] = keysOf(store, "index/") as [string];
      const bytes = damage(store.space.blobs.get(key)!).slice();
      store.space.blobs.delete(key);
      const name = rename ? `index/${hasher.hash(bytes).toHex()}` : key;
      store.space.blobs.set(name, bytes);
      const { packs, gets, events } = await newMachine(store);
      // Its hash fits if it was renamed: one bit of a score is seen by nobody yet.
      const isLie = rename && damage === damages[0];
      if (!isLie) {
        assert.equal(packGets(gets).length, COPY_PACKS);
        const told = events.find((it) => it.event === "index-copy-ignored");
        assert.equal(told?.key, name);
        assert.equal(told.severity, "strange");
      }
      if (!isLie) await assertReads(packs, blocks);
    }
  }
});

Deno.test("a store that refuses its copies is a store without copies", async () => {
  const store = new PliableStore();
  const blocks = await archive(store, COPY_PACKS);
  const rig = openRig({ ...OPTIONS, store });
  store.before = (operation, key) => {
    if (key.startsWith("index/")) {
      throw Object.assign(new Error("no"), { code: "PermissionDenied" });
    }
    assert.ok(operation !== "put");
  };
  await rig.packs.fill();
  await assertReads(rig.packs, blocks);
  await rig.packs.copyIndex();
  assert.ok(rig.events.some(({ event }) => event === "index-copy-ignored"));
  assert.ok(rig.events.some(({ event }) => event === "index-not-copied"));
});

test("a pack that a copy names and the store has no more is not known", async () => {
  const store = new PliableStore();
  await archive(store, COPY_PACKS);
  const [gone] = keysOf(store, "packs/") as [string];
  store.space.blobs.delete(gone);
  const { packs, gets } = await newMachine(store);
  assert.ok(!packs.knowsPack(gone.slice(-64)));
  assert.deepEqual(packGets(gets), []);
});

test("a pack that was cut off is read by itself, whatever a copy says", async () => {
  const store = new PliableStore();
  await archive(store, COPY_PACKS);
  const [cut] = keysOf(store, "packs/") as [string];
  store.space.blobs.set(cut, store.space.blobs.get(cut)!.slice(0, 9000));
  const { gets } = await newMachine(store);
  assert.deepEqual([...new Set(packGets(gets))], [cut]);
});

test("a block that a copy names and its pack does not hold is stored when it is written", async () => {
  const [lied] = sampleBlocks(1, 777) as [TestBlock];
  const store = new PliableStore();
  await archive(store, COPY_PACKS);
  forge(store, (bytes, block) => {
    bytes.set(scoreOf(lied).subarray(0, 20), block);
  });
  const { packs } = await newMachine(store);
  assert.equal((await writeBlocks(packs, [lied])).newCount, 1);
  await assertReads(packs, [lied]);
  const other = await newMachine(store);
  await assertReads(other.packs, [lied]);
});

test("a block that a copy conceals is found in the end", async () => {
  const [lied] = sampleBlocks(1, 777) as [TestBlock];
  const store = new PliableStore();
  const blocks = await archive(store, COPY_PACKS);
  forge(store, (bytes, block) => {
    bytes.set(scoreOf(lied).subarray(0, 20), block);
  });
  const { packs, index } = await newMachine(store);
  const damaged = (await readBlocks(packs, blocks)).filter((it) =>
    !(it instanceof Uint8Array)
  );
  assert.equal(damaged.length, 1);
  assert.equal(await packs.dropCopies(), true);
  assert.ok(!index.restsOnCopies);
  await assertReads(packs, blocks);
  assert.equal(await packs.dropCopies(), false);
});

test("a read finds what copies concealed also when another read had the index made anew meanwhile", async () => {
  const [lied] = sampleBlocks(1, 777) as [TestBlock];
  const store = new PliableStore();
  const blocks = await archive(store, COPY_PACKS);
  forge(store, (bytes, block) => {
    // Two blocks lie elsewhere than the copy says, which is nowhere.
    bytes.set(scoreOf(lied).subarray(0, 20), block);
    bytes.set(noise(1, 20), block + 22);
  });
  const { packs } = await newMachine(store);
  const known = await readBlocks(packs, blocks);
  const [one, other] = blocks.filter((_, i) =>
    !(known[i] instanceof Uint8Array)
  ) as [TestBlock, TestBlock];
  const late = sampleBlocks(1, 888);
  const writer = openRig({ ...OPTIONS, store });
  const { names } = await writeBlocks(writer.packs, late);

  const reader = readerOf(packs, store);
  const gate = Promise.withResolvers<void>();
  const isHeld = Promise.withResolvers<void>();
  let tailReads = 0;
  store.before = (operation, key) => {
    if (operation !== "get" || !key.endsWith(names[0]!)) return;
    // Its directory first, then the block of the read that is held up.
    if (tailReads++ === 0) return;
    store.before = () => {};
    isHeld.resolve();
    return gate.promise;
  };
  const held = readBlocks(reader, [other, ...late]);
  await isHeld.promise;
  const [found] = await readBlocks(reader, [one]);
  assert.deepEqual(found, one.bytes);
  gate.resolve();
  assert.deepEqual(await held, [other.bytes, late[0]!.bytes]);
});

/** Reads as the engine does, which looks for what no pack is known to hold. */
function readerOf(packs: BlockStore, store: PliableStore): BlockReader {
  const clock = { nowMs: () => 0, sleep: () => Promise.resolve() };
  return new BlockReader({
    blocks: packs,
    store,
    retry: new Retry({
      clock,
      onEvent: () => {},
      signal: new AbortController().signal,
    }),
    clock,
    onEvent: () => {},
  });
}

test("a copy that gives blocks to the wrong places is corrected by the packs", async () => {
  const store = new PliableStore();
  const blocks = await archive(store, COPY_PACKS);
  forge(store, exchangePlaces);
  const { packs, events } = await newMachine(store);
  await assertReads(packs, blocks);
  assert.deepEqual(events.filter(({ severity }) => severity === "corrupt"), []);
  assert.equal((await writeBlocks(packs, blocks)).newCount, 0);
});

test("a copy that gives a block the length of another is corrected by the pack", async () => {
  const store = new PliableStore();
  const blocks = await archive(store, COPY_PACKS);
  forge(store, exchangeExtents);
  const { packs, events } = await newMachine(store);
  await assertReads(packs, blocks);
  assert.deepEqual(events.filter(({ severity }) => severity === "corrupt"), []);
  assert.equal((await writeBlocks(packs, blocks)).newCount, 0);
});

test("what the pack confirms is not taken for refuted while the index cannot take it", async () => {
  const store = new PliableStore();
  const [block] = await archive(store, COPY_PACKS) as [TestBlock];
  const { packs, index } = await newMachine(store);
  const { addPack } = index;
  index.addPack = (): Promise<void> => Promise.reject(new Error("no room"));
  const score = scoreOf(block);
  await assert.rejects(packs.prove(score), /no room/);
  assert.equal(packs.locate(score, 0)?.suspect, true);
  index.addPack = addPack;
  await packs.prove(score);
  assert.equal(packs.locate(score, 0)?.suspect, false);
});

for (const forgery of [exchangePlaces, exchangeExtents]) {
  test(`a pack whose directory was damaged corrects a copy when it is restored (${forgery.name})`, async () => {
    const store = new PliableStore();
    const blocks = await archive(store, COPY_PACKS);
    forge(store, forgery);
    const { packs } = await newMachine(store);
    const whole = new Map(store.space.blobs);
    for (const [key, bytes] of whole) {
      if (!key.startsWith("packs/")) continue;
      const damaged = bytes.slice();
      damaged[damaged.length - 1]! ^= 1;
      store.space.blobs.set(key, damaged);
    }
    const results = await readBlocks(packs, blocks);
    assert.ok(results.some((it) => !(it instanceof Uint8Array)));
    for (const [key, bytes] of whole) store.space.blobs.set(key, bytes);
    await assertReads(packs, blocks);
    await packs.close();
  });
}

test("duplicates of blocks in copies are not stored again, for one look at each pack", async () => {
  const store = new PliableStore();
  const blocks = await archive(store, COPY_PACKS);
  const { packs, gets } = await newMachine(store);
  assert.equal((await writeBlocks(packs, blocks)).newCount, 0);
  assert.equal(packGets(gets).length, COPY_PACKS);
  assert.equal((await writeBlocks(packs, blocks)).newCount, 0);
  assert.equal(packGets(gets).length, COPY_PACKS);
});

Deno.test("what was not proven before a restart is not believed after it", async () => {
  const [lied] = sampleBlocks(1, 777) as [TestBlock];
  const store = new PliableStore();
  await archive(store, COPY_PACKS);
  forge(store, (bytes, block) => {
    bytes.set(scoreOf(lied).subarray(0, 20), block);
  });
  const disk = new SimulatedDisk({ random: seeded(1) });
  const index = (): DiskIndex => openIndex(disk, { tableEntriesMax: 4 });
  await (await newMachine(store, { index: index() })).packs.close();
  const again = openRig({ ...OPTIONS, store, index: index() });
  assert.ok(again.index.restsOnCopies);
  await again.packs.prove(scoreOf(lied));
  assert.equal(again.packs.locate(scoreOf(lied), 0), undefined);
  assert.equal((await writeBlocks(again.packs, [lied])).newCount, 1);
  await assertReads(again.packs, [lied]);
});

test("of a block that two packs hold the sound one is read, though both are in copies", async () => {
  const store = new PliableStore();
  const blocks = await archive(store, COPY_PACKS - 1);
  const wanted = blocks.slice(0, 1);
  const damagedKey = keysOf(store, "packs/").find((key) => {
    const file = store.space.blobs.get(key)!;
    return wanted[0]!.bytes.every((byte, i) => file[16 + i] === byte);
  })!;
  store.space.blobs.get(damagedKey)![100]! ^= 1;
  const writer = openRig({ ...OPTIONS, store });
  await writer.packs.fill();
  await assertReads(writer.packs, wanted, [0]);
  assert.equal((await writeBlocks(writer.packs, wanted)).newCount, 1);
  await writer.packs.copyIndex();
  assert.equal(keysOf(store, "index/").length, 1);
  const { packs } = await newMachine(store);
  await assertReads(packs, blocks);
});

Deno.test("where the name of a copy is taken by damage it gets another one", async () => {
  const store = new PliableStore();
  await archive(store, COPY_PACKS);
  const [key] = keysOf(store, "index/") as [string];
  const file = store.space.blobs.get(key)!;
  const sections = decodeCopyHead(file, file.length, hasher.hash);
  const names = (sections as CopySection[]).map(({ name }) => name);
  file[30]! ^= 1;
  const { packs } = openRig({ ...OPTIONS, store });
  await packs.addPacks(names);
  await packs.copyIndex();
  const keys = keysOf(store, "index/");
  assert.equal(keys.length, 2);
  const other = keys.find((it) => it !== key)!;
  assert.equal(store.space.blobs.get(other)![8], 1);
});
