/** Many packs come into an empty index at once, in bounded memory, and are found as if each had been added. */

import assert from "node:assert/strict";
import type { DiskOperation } from "../../cas/disk/simulated_disk.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { ENTRY_WORDS } from "../../cas/index/entry.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import {
  emptyLocation,
  type IndexEntries,
  type IndexFill,
  type ScoreIndex,
} from "../../cas/index/score_index.ts";
import { sortedSlice } from "../../cas/index/sort_slice.ts";
import {
  IndexModel,
  makePack,
  openIndex,
  scoreOfNumber,
  seededRandom,
  type TestPack,
} from "./index_rig.ts";

/** Entries of a table: so few that a hundred packs make many runs. */
const TABLE = 8;
const PACK_NUMBERS = 50;

/** Packs of which no two hold the same number. */
function distinctPacks(count: number): TestPack[] {
  return Array.from({ length: count }, (_, pack) =>
    makePack(
      pack,
      Array.from({ length: PACK_NUMBERS }, (_, i) => pack * PACK_NUMBERS + i),
    ));
}

function sumEntries(packs: readonly TestPack[]): number {
  return packs.reduce((sum, { entries }) => sum + entries.count, 0);
}

async function addAll(
  fill: IndexFill,
  packs: readonly TestPack[],
): Promise<void> {
  for (const { name, entries } of packs) {
    assert.ok(await fill.addPack(name, entries));
  }
}

function modelOf(packs: readonly TestPack[]): IndexModel {
  const model = new IndexModel();
  packs.forEach((pack) => model.add(pack));
  return model;
}

function newDisk(
  fault?: (operation: DiskOperation) => string | undefined,
): SimulatedDisk {
  const random = seededRandom(1);
  return new SimulatedDisk({ random, ...(fault && { fault }) });
}

function numbersOf(packs: readonly TestPack[]): number[] {
  return packs.flatMap(({ numbers }) => numbers);
}

Deno.test("what filled an index at once is found, by a later process too, and is merged with what comes", async () => {
  for (const packCount of [3, 30, 300]) {
    const disk = newDisk();
    const { index } = openIndex(disk, { entriesMax: TABLE });
    await index.addPack(makePack(9999, [1]).name, makePack(9999, [1]).entries);
    await index.beginRebuild();
    const packs = distinctPacks(packCount);
    const fill = index.fill(sumEntries(packs));
    await addAll(fill, packs);
    assert.equal((await fill.finish()).size, 0);
    const model = modelOf(packs);
    model.check(index, numbersOf(packs));
    model.check(index, [-1, -2, -3]);
    await index.endRebuild();
    await index.close();
    const again = openIndex(disk, { entriesMax: TABLE });
    assert.deepEqual(again.events, []);
    assert.equal(again.index.packCount, packCount);
    model.check(again.index, numbersOf(packs));
    // Every second number comes again, in packs that are newer.
    for (let pack = 0; pack < packCount; pack++) {
      const { numbers } = packs[pack] as TestPack;
      const newer = makePack(5000 + pack, numbers.filter((it) => it % 2 === 0));
      await again.index.addPack(newer.name, newer.entries);
      model.add(newer);
    }
    again.index.suspect(scoreOfNumber(7), 0);
    model.suspect(7);
    model.check(again.index, numbersOf(packs));
    await again.index.close();
  }
});

Deno.test("an entry is written twice, however many there are", async () => {
  let bytesWritten = 0;
  const disk = newDisk();
  const { create } = disk;
  disk.create = (name): ReturnType<typeof create> => {
    const file = create.call(disk, name);
    const { write } = file;
    file.write = (bytes, position): void => {
      bytesWritten += bytes.length;
      write.call(file, bytes, position);
    };
    return file;
  };
  const { index } = openIndex(disk, { entriesMax: 200 });
  await index.beginRebuild();
  const packs = distinctPacks(400);
  const fill = index.fill(sumEntries(packs));
  await addAll(fill, packs);
  await fill.finish();
  await index.endRebuild();
  const bytes = sumEntries(packs) * ENTRY_WORDS * 4;
  assert.ok(
    bytesWritten > 1.9 * bytes && bytesWritten < 2.3 * bytes,
    `${bytesWritten} for ${bytes}`,
  );
  await index.close();
});

Deno.test("of entries of one score the first counts, and the packs of the others are named", async () => {
  const disk = newDisk();
  const { index } = openIndex(disk, { entriesMax: TABLE });
  await index.beginRebuild();
  const packs = distinctPacks(40);
  const later = [
    makePack(100, [1, 100_000]),
    makePack(101, [200_000, 777]),
    makePack(102, [300_000]),
  ];
  const fill = index.fill(sumEntries([...packs, ...later]));
  await addAll(fill, [...packs, ...later]);
  const partial = await fill.finish();
  assert.deepEqual(
    partial,
    new Set([later[0]!.name, later[1]!.name]),
  );
  const model = modelOf([...later, ...packs]);
  model.check(index, numbersOf([...later, ...packs]));
  await index.endRebuild();
  await index.close();
});

Deno.test("keys that all begin alike take no more memory: what is too much is left out, and its packs are named", async () => {
  const disk = newDisk();
  const { index } = openIndex(disk, { entriesMax: TABLE });
  await index.beginRebuild();
  const packs = distinctPacks(100);
  for (const { entries: { keys, count } } of packs) {
    for (let i = 0; i < count; i++) keys.fill(0xab, i * 20, i * 20 + 4);
  }
  const fill = index.fill(sumEntries(packs));
  await addAll(fill, packs);
  const partial = await fill.finish();
  assert.ok(partial.size > 50 && partial.size < 100, `${partial.size} packs`);
  const location = emptyLocation();
  for (const { name, entries } of packs) {
    for (let i = 0; i < entries.count; i++) {
      const found = index.get(entries.keys, i * 20, location);
      assert.ok(
        found ? index.packName(location.pack) === name : partial.has(name),
      );
    }
  }
  await index.close();
});

Deno.test("an index that was not filled to its end is empty for a later process", async () => {
  const random = seededRandom(3);
  const packs = distinctPacks(40);
  let operations = 0;
  const run = async (disk: SimulatedDisk): Promise<void> => {
    const { index } = openIndex(disk, { entriesMax: TABLE });
    await index.beginRebuild();
    const fill = index.fill(sumEntries(packs));
    await addAll(fill, packs);
    await fill.finish();
    await index.endRebuild();
    await index.close();
  };
  const found = { empty: 0, whole: 0 };
  const disk = new SimulatedDisk({
    random,
    onOperation: () => {
      if (operations++ % 5 !== 0) return;
      const { index, events } = openIndex(disk.afterPowerLoss(random), {
        entriesMax: TABLE,
      });
      assert.deepEqual(events, []);
      if (index.packCount === 0) found.empty++;
      else {
        found.whole++;
        assert.equal(index.packCount, packs.length);
        modelOf(packs).check(index, numbersOf(packs));
      }
    },
  });
  await run(disk);
  assert.ok(found.empty > 10, JSON.stringify(found));
  const { index } = openIndex(disk, { entriesMax: TABLE });
  assert.equal(index.packCount, packs.length);
});

Deno.test("an index that cannot be filled says why, and leaves no files", async () => {
  const packs = distinctPacks(200);
  // Of a table of 8 a partition writes nothing before it is sorted.
  for (const failing of [3, 200]) {
    let writes = 0;
    const disk = newDisk(({ kind }) =>
      kind === "write" && writes++ > failing ? "ENOSPC" : undefined
    );
    const { index, events } = openIndex(disk, { entriesMax: TABLE });
    await index.beginRebuild();
    const fill = index.fill(sumEntries(packs));
    await assert.rejects(async () => {
      await addAll(fill, packs);
      await fill.finish();
    }, /takes no more before it can be saved: .*ENOSPC/);
    assert.deepEqual(events.map(({ event }) => event), ["index-not-saved"]);
    await assert.rejects(fill.addPack("", packs[0]!.entries), /closed/);
    await fill.discard();
    const held = disk.list().filter((name) => name.startsWith("run-"));
    // Runs of the base that were finished are the index's.
    assert.ok(held.length <= 32, held.join(" "));
    await index.close();
  }
});

Deno.test("what a disk gives back otherwise than it was written is found out", async () => {
  const disk = newDisk();
  const { index } = openIndex(disk, { entriesMax: 500 });
  await index.beginRebuild();
  const packs = distinctPacks(300);
  const fill = index.fill(sumEntries(packs));
  await addAll(fill, packs);
  const name = disk.list().find((it) => {
    const file = disk.open(it);
    const { size } = file;
    file.close();
    return it.startsWith("run-") && size > 0;
  }) as string;
  disk.open(name).write(Uint8Array.of(1, 2, 3), 1000);
  await assert.rejects(fill.finish(), /was written .* is not what was read/);
  assert.deepEqual(disk.list().filter((it) => it.startsWith("run-")), []);
  await index.close();
});

Deno.test("an index that is closed while it is filled writes nothing any more", async () => {
  const disk = newDisk();
  const { index } = openIndex(disk, { entriesMax: TABLE });
  await index.beginRebuild();
  const packs = distinctPacks(100);
  const fill = index.fill(sumEntries(packs));
  await addAll(fill, packs);
  const finishing = fill.finish();
  const closing = index.close();
  await assert.rejects(finishing, { code: "Closed" });
  await closing;
  const files = disk.list().sort();
  assert.deepEqual(files.filter((it) => it.startsWith("run-")), []);
  const { index: next, events } = openIndex(disk, { entriesMax: TABLE });
  assert.deepEqual(events, []);
  assert.equal(next.packCount, 0);
});

Deno.test("memory for filters is held while an index is filled", async () => {
  const disk = newDisk();
  const { index, events } = openIndex(disk, {
    entriesMax: TABLE,
    filterBytesMax: 3000,
  });
  await index.beginRebuild();
  const packs = distinctPacks(200);
  const fill = index.fill(sumEntries(packs));
  await addAll(fill, packs);
  await fill.finish();
  assert.deepEqual(events.map(({ event }) => event), ["index-memory-full"]);
  assert.ok(index.statistics.passedOverCount > 1000);
  modelOf(packs).check(index, numbersOf(packs));
  await index.close();
});

Deno.test("little is added as ever, and what has a block of another pack not at all", async () => {
  const disk = openIndex(newDisk(), { entriesMax: 1000 }).index;
  for (const index of [disk, new MemoryIndex()] as ScoreIndex[]) {
    await index.beginRebuild();
    const fill = index.fill(6);
    const [one, other] = [makePack(1, [1, 2, 3]), makePack(2, [4, 3])];
    assert.equal(await fill.addPack(one!.name, one!.entries), true);
    assert.equal(await fill.addPack(other!.name, other!.entries), false);
    assert.equal((await fill.finish()).size, 0);
    assert.equal(index.knowsPack(other!.name), false);
    modelOf([one!]).check(index, [1, 2, 3, 4]);
    await index.close();
  }
});

Deno.test("a slice is sorted by whole keys, equal ones in the order they came", () => {
  const random = seededRandom(5);
  for (const [count, distinct] of [[1, 1], [2, 1], [500, 3], [3000, 3000]]) {
    const words = new Uint32Array((count! + 2) * ENTRY_WORDS);
    for (let i = 2; i < count! + 2; i++) {
      const key = Math.floor(random() * distinct!);
      // Four first words, most of whose first 7 bits are shared.
      words[i * ENTRY_WORDS] = 0xa0000000 + key % 4 * 0x800000;
      words[i * ENTRY_WORDS + 4] = key;
    }
    const slice = {
      words,
      start: 2 * ENTRY_WORDS,
      count: count!,
      sharedBits: 7,
    };
    const sorted = [...sortedSlice(slice)];
    const keyOf = (at: number): number => words[at]! * 2 ** 20 + words[at + 4]!;
    const expected = Array.from(
      { length: count! },
      (_, i) => (i + 2) * ENTRY_WORDS,
    ).sort((a, b) => keyOf(a) - keyOf(b) || a - b);
    assert.deepEqual(sorted, expected);
  }
});

/** Entries as a copy has them are unproven, and stay so. */
Deno.test("entries that nothing proves are marked so when an index is filled with them", async () => {
  const disk = newDisk();
  const { index } = openIndex(disk, { entriesMax: TABLE });
  await index.beginRebuild();
  const packs = distinctPacks(30);
  const fill = index.fill(sumEntries(packs));
  for (const { name, entries } of packs) {
    const unproven: IndexEntries = { ...entries, unproven: true };
    await fill.addPack(name, unproven);
  }
  await fill.finish();
  await index.endRebuild();
  await index.close();
  const again = openIndex(disk).index;
  assert.ok(again.restsOnCopies);
  const location = emptyLocation();
  for (const number of numbersOf(packs)) {
    assert.ok(again.get(scoreOfNumber(number), 0, location));
    assert.ok(location.unproven);
  }
  await again.close();
});
