import assert from "node:assert/strict";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { DiskIndex } from "../../cas/index/disk_index.ts";
import {
  emptyLocation,
  IndexDamagedError,
} from "../../cas/index/score_index.ts";
import {
  IndexModel,
  makePack,
  openIndex,
  scoreOfNumber,
  seededRandom,
  type TestPack,
} from "./index_rig.ts";

/** Packs that overlap a little, as those of healed blocks do. */
function samplePacks(count: number, size = 12): TestPack[] {
  return Array.from({ length: count }, (_, pack) => {
    const start = pack * (size - 2);
    return makePack(pack, Array.from({ length: size }, (_, i) => start + i));
  });
}

/** Asserts that `index` knows the first packs with all their entries, and no other; how many. */
function checkPrefix(index: DiskIndex, packs: readonly TestPack[]): number {
  const known = packs.filter((pack) => index.knowsPack(pack.name));
  assert.deepEqual(known, packs.slice(0, index.packCount));
  const model = new IndexModel();
  for (const pack of known) model.add(pack);
  model.check(index, packs.flatMap((pack) => pack.numbers));
  return known.length;
}

Deno.test("power lost after any operation leaves an index that knows whole packs, oldest first", async () => {
  const packs = samplePacks(90);
  const random = seededRandom(7);
  let before = 0;
  const disk: SimulatedDisk = new SimulatedDisk({
    random,
    onOperation(): void {
      const { index, events } = openIndex(disk.afterPowerLoss(random));
      assert.deepEqual(events, []);
      assert.ok(checkPrefix(index, packs) >= before);
    },
  });
  const { index } = openIndex(disk);
  for (const pack of packs) {
    await index.addPack(pack.name, pack.entries);
    if (packs.indexOf(pack) % 30 === 29) {
      await index.flush();
      before = index.packCount;
    }
  }
  await index.close();
  const { index: last } = openIndex(disk);
  assert.equal(checkPrefix(last, packs), packs.length);
  await last.close();
});

Deno.test("a rebuild cut short leaves an index that knows nothing", async () => {
  const random = seededRandom(3);
  const disk = new SimulatedDisk({ random });
  const { index } = openIndex(disk);
  const packs = samplePacks(40);
  for (const pack of packs) await index.addPack(pack.name, pack.entries);
  await index.flush();
  await index.beginRebuild();
  for (const pack of packs) await index.addPack(pack.name, pack.entries);
  await index.flush();
  for (let cut = 0; cut < 10; cut++) {
    const { index: found } = openIndex(disk.afterPowerLoss(random));
    assert.equal(found.packCount, 0);
    await found.close();
  }
  await index.close();
  assert.equal(openIndex(disk).index.packCount, 0);
});

Deno.test("what comes when an index is closed is not saved without what came before", async () => {
  for (const isRebuilding of [false, true]) {
    const disk = new SimulatedDisk({ random: seededRandom(3) });
    const { index } = openIndex(disk);
    if (isRebuilding) await index.beginRebuild();
    const packs = samplePacks(40);
    for (const pack of packs) await index.addPack(pack.name, pack.entries);
    await index.close();
    const late = makePack(100, [5000]);
    await index.addPack(late.name, late.entries);
    if (isRebuilding) await index.endRebuild();
    await index.flush();
    const { index: found, events } = openIndex(disk);
    assert.deepEqual(events, []);
    const knownCount = checkPrefix(found, packs);
    assert.equal(knownCount, isRebuilding ? 0 : packs.length);
    await found.close();
  }
});

Deno.test("an index is begun anew at any time while packs are added", async () => {
  const packs = samplePacks(30);
  const model = new IndexModel();
  for (const pack of packs) model.add(pack);
  for (let delay = 0; delay < 40; delay++) {
    const disk = new SimulatedDisk({ random: seededRandom(3) });
    const { index, events } = openIndex(disk);
    let isAdding = true;
    const adding = (async () => {
      for (let i = 0; isAdding && i < packs.length; i++) {
        await index.addPack(packs[i]!.name, packs[i]!.entries);
      }
    })();
    for (let turn = 0; turn < delay; turn++) await Promise.resolve();
    await index.beginRebuild();
    isAdding = false;
    await adding;
    for (const pack of packs) await index.addPack(pack.name, pack.entries);
    await index.endRebuild();
    await index.close();
    assert.deepEqual(events, []);
    const { index: found } = openIndex(disk);
    model.check(found, packs.flatMap((pack) => pack.numbers));
    await found.close();
  }
});

Deno.test("a rebuild that ends is durable", async () => {
  const random = seededRandom(3);
  const disk = new SimulatedDisk({ random });
  const { index } = openIndex(disk);
  const packs = samplePacks(40);
  await index.beginRebuild();
  for (const pack of packs) await index.addPack(pack.name, pack.entries);
  await index.endRebuild();
  const { index: found } = openIndex(disk.afterPowerLoss(random));
  assert.equal(checkPrefix(found, packs), packs.length);
});

for (const kind of ["remove", "syncDirectory"]) {
  Deno.test(`files that stay when an index is begun anew name no pack of it wrongly (${kind})`, async () => {
    let failing = false;
    const disk = new SimulatedDisk({
      random: seededRandom(3),
      fault: (operation) =>
        failing && operation.kind === kind ? "EIO" : undefined,
    });
    const packs = samplePacks(40);
    const { index } = openIndex(disk);
    for (const pack of packs) await index.addPack(pack.name, pack.entries);
    await index.flush();
    failing = true;
    await index.beginRebuild();
    failing = false;
    const model = new IndexModel();
    for (const pack of packs.toReversed()) {
      await index.addPack(pack.name, pack.entries);
      model.add(pack);
    }
    await index.endRebuild();
    await index.close();
    const { index: found, events } = openIndex(disk);
    assert.deepEqual(events, []);
    model.check(found, packs.flatMap((pack) => pack.numbers));
    await found.close();
  });
}

/** A disk with a small index in several runs. */
async function sampleDisk(): Promise<
  { disk: SimulatedDisk; packs: TestPack[] }
> {
  const disk = new SimulatedDisk({ random: seededRandom(5) });
  const { index } = openIndex(disk, { entriesMax: 300 });
  const packs = samplePacks(70);
  for (const pack of packs) await index.addPack(pack.name, pack.entries);
  await index.close();
  assert.ok(disk.list().length >= 4);
  return { disk, packs };
}

Deno.test("a flipped byte anywhere in an index is never taken for an answer", async () => {
  const { disk, packs } = await sampleDisk();
  const numbers = packs.flatMap((pack) => pack.numbers);
  const model = new IndexModel();
  for (const pack of packs) model.add(pack);
  let found = 0;
  let tried = 0;
  for (const name of disk.list()) {
    const { size } = disk.open(name);
    for (let at = 0; at < size; at += 1 + Math.floor(size / 37)) {
      tried++;
      const copy = disk.afterPowerLoss(seededRandom(1));
      const byte = new Uint8Array(1);
      copy.open(name).read(byte, at);
      copy.open(name).write(Uint8Array.of((byte[0] as number) ^ 4), at);
      const { index, events } = openIndex(copy);
      if (events.length > 0) {
        assert.equal(events[0]?.event, "index-discarded");
        assert.equal(index.packCount, 0);
        found++;
      } else {
        try {
          model.check(index, numbers);
          for (const pack of packs) assert.ok(index.knowsPack(pack.name));
        } catch (error) {
          if (!(error instanceof IndexDamagedError)) throw error;
          assert.throws(
            () => index.get(scoreOfNumber(0), 0, emptyLocation()),
            IndexDamagedError,
          );
          found++;
        }
      }
      await index.close();
    }
  }
  assert.equal(found, tried);
});

Deno.test("an index that lacks a file is discarded, one without a manifest is new", async () => {
  const { disk } = await sampleDisk();
  for (const name of disk.list()) {
    const copy = disk.afterPowerLoss(seededRandom(1));
    copy.remove(name);
    const { index, events } = openIndex(copy);
    assert.equal(index.packCount, 0);
    assert.equal(events.length, name === "manifest" ? 0 : 1);
    assert.deepEqual(copy.list(), []);
    await index.close();
  }
});

Deno.test("the index of another archive is discarded", async () => {
  const { disk } = await sampleDisk();
  const { index, events } = openIndex(disk, { identity: "archive 2" });
  assert.equal(index.packCount, 0);
  assert.match(events[0]?.message as string, /archive 1/);
});

Deno.test("a full disk stops nothing, and the index is saved when there is room", async () => {
  let full = false;
  const disk = new SimulatedDisk({
    random: seededRandom(2),
    fault: (operation) =>
      full && operation.kind === "write" ? "ENOSPC" : undefined,
  });
  const { index, events } = openIndex(disk);
  const packs = samplePacks(100);
  for (const [i, pack] of packs.entries()) {
    full = i > 20 && i < 45;
    await index.addPack(pack.name, pack.entries);
    if (i % 13 === 0) checkPrefix(index, packs);
  }
  assert.deepEqual(events.map(({ event }) => event), [
    "index-not-saved",
    "index-saved",
  ]);
  assert.match(events[0]!.message, /ENOSPC/);
  await index.close();
  const { index: reopened } = openIndex(disk);
  assert.equal(checkPrefix(reopened, packs), packs.length);
});

Deno.test("a disk that stays full bounds what is in memory, and takes packs again when there is room", async () => {
  let full = false;
  const disk = new SimulatedDisk({
    random: seededRandom(2),
    fault: (operation) =>
      full && operation.kind === "write" ? "ENOSPC" : undefined,
  });
  const { index } = openIndex(disk, { entriesMax: 40 });
  const packs = samplePacks(100);
  full = true;
  let count = 0;
  await assert.rejects(async () => {
    for (; count < packs.length; count++) {
      const { name, entries } = packs[count]!;
      assert.equal(index.shortage, undefined);
      await index.addPack(name, entries);
    }
  }, /ENOSPC/);
  assert.ok(index.statistics.entryCount < 10 * 40);
  assert.match(index.shortage ?? "", /ENOSPC/);
  assert.equal(checkPrefix(index, packs), count);
  // What did not fit is not left behind.
  assert.deepEqual(disk.list().filter((name) => name.startsWith("run-")), []);
  full = false;
  for (; count < packs.length; count++) {
    const { name, entries } = packs[count]!;
    await index.addPack(name, entries);
  }
  assert.equal(index.shortage, undefined);
  await index.close();
  const { index: reopened } = openIndex(disk);
  assert.equal(checkPrefix(reopened, packs), packs.length);
});
