import assert from "node:assert/strict";
import fc from "fast-check";
import type { Disk, DiskFile } from "../../cas/disk/disk.ts";
import { openRealDisk } from "../../cas/disk/real_disk.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import {
  chooseMerge,
  countIdle,
  isBaseDue,
  type MergeCandidate,
} from "../../cas/index/merge_choice.ts";
import { emptyLocation, type ScoreIndex } from "../../cas/index/score_index.ts";
import {
  IndexModel,
  makePack,
  openIndex,
  scoreOfNumber,
  scoresOf,
  seededRandom,
} from "./index_rig.ts";

const NUMBERS = 300;
const everyNumber = Array.from({ length: NUMBERS + 20 }, (_, i) => i);

type Step =
  | { readonly do: "add"; readonly numbers: readonly number[] }
  | { readonly do: "suspect"; readonly number: number }
  | { readonly do: "flush" | "reopen" };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("add" as const),
        numbers: fc.array(fc.nat(NUMBERS - 1), { maxLength: 40 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("suspect" as const),
        number: fc.nat(NUMBERS),
      }),
    },
    fc.record({ do: fc.constantFrom("flush" as const, "reopen" as const) }),
  ),
  { maxLength: 80 },
);

/** Runs steps against an index and the model beside it. */
async function runSteps(
  start: ScoreIndex,
  reopen: (index: ScoreIndex) => Promise<ScoreIndex>,
  script: readonly Step[],
): Promise<void> {
  const model = new IndexModel();
  let index = start;
  let packs = 0;
  for (const step of script) {
    switch (step.do) {
      case "add": {
        const pack = makePack(packs++, step.numbers);
        await index.addPack(pack.name, pack.entries);
        model.add(pack);
        break;
      }
      case "suspect":
        index.suspect(scoreOfNumber(step.number), 0);
        model.suspect(step.number);
        break;
      case "flush":
        await index.flush();
        break;
      case "reopen":
        index = await reopen(index);
        break;
    }
  }
  model.check(index, everyNumber);
  assert.equal(index.packCount, packs);
  for (let pack = 0; pack < packs; pack++) {
    assert.ok(index.knowsPack(makePack(pack, []).name));
  }
  assert.equal(index.knowsPack(makePack(packs, []).name), false);
  await index.close();
}

Deno.test("an index in memory answers as a map does", async () => {
  await fc.assert(fc.asyncProperty(steps, async (script) => {
    const reopen = (index: ScoreIndex): Promise<ScoreIndex> =>
      Promise.resolve(index);
    await runSteps(new MemoryIndex(), reopen, script);
  }));
});

Deno.test("an index on disk answers as a map does, through runs, merges and reopening", async () => {
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.constantFrom(1, 4, 40, 1000),
      async (script, entriesMax) => {
        const disk = new SimulatedDisk({ random: seededRandom(1) });
        const open = (): ScoreIndex => {
          const { index, events } = openIndex(disk, { entriesMax });
          assert.deepEqual(events, []);
          return index;
        };
        await runSteps(open(), async (index) => {
          await index.close();
          return open();
        }, script);
      },
    ),
    { numRuns: 60 },
  );
});

/** Adds packs of 100 numbers, of which 10 were in the pack before. */
async function addMany(
  index: ScoreIndex,
  packCount: number,
): Promise<{ readonly model: IndexModel; readonly all: number[] }> {
  const model = new IndexModel();
  const all: number[] = [];
  for (let pack = 0; pack < packCount; pack++) {
    const numbers = Array.from({ length: 100 }, (_, i) => pack * 90 + i);
    const made = makePack(pack, numbers);
    await index.addPack(made.name, made.entries);
    model.add(made);
    all.push(...numbers);
  }
  return { model, all };
}

Deno.test("runs are merged, level by level and into the base, so that their number stays small", async () => {
  const disk = new SimulatedDisk({ random: seededRandom(1) });
  const { index } = openIndex(disk, { entriesMax: 40 });
  const { model, all } = await addMany(index, 210);
  model.check(index, all);
  const runs = disk.list().filter((name) => name.startsWith("run-"));
  assert.ok(runs.length > 4 && runs.length < 30, `${runs.length} runs`);
  // 210 overlaps of 10: what was replaced is merged away, but for the newest.
  const { entryCount } = index.statistics;
  assert.ok(entryCount < all.length - 1000, `${entryCount} entries`);
  await index.close();
  const reopened = openIndex(disk);
  assert.deepEqual(reopened.events, []);
  model.check(reopened.index, all);
  await reopened.index.close();
});

Deno.test("a question for a new score reads hardly a page, one for a known score a single one", async () => {
  const disk = new SimulatedDisk({ random: seededRandom(1) });
  const { index } = openIndex(disk, { entriesMax: 100 });
  const { model, all } = await addMany(index, 200);
  await index.flush();
  const known = [...new Set(all)];
  const before = index.statistics.pageReads;
  model.check(index, known);
  const pagesKnown = index.statistics.pageReads - before;
  assert.ok(pagesKnown >= known.length - 300, `${pagesKnown} pages`);
  assert.ok(pagesKnown < known.length * 1.05, `${pagesKnown} pages`);
  model.check(index, known.map((number) => number + 1_000_000));
  const pagesNew = index.statistics.pageReads - before - pagesKnown;
  assert.ok(pagesNew < known.length * 0.04, `${pagesNew} pages`);
  await index.close();
});

Deno.test("an index without memory for all filters finds everything when it must, and passes old entries over when it need not", async () => {
  const disk = new SimulatedDisk({ random: seededRandom(1) });
  const { index, events } = openIndex(disk, {
    entriesMax: 40,
    filterBytesMax: 12_000,
  });
  const { model, all } = await addMany(index, 210);
  await index.flush();
  const { passedOverCount, entryCount } = index.statistics;
  assert.ok(passedOverCount > 1000 && passedOverCount < entryCount);
  assert.deepEqual(
    events.map(({ event }) => event),
    ["index-memory-full"],
  );
  model.check(index, all);
  const location = emptyLocation();
  const missed = [...new Set(all)].filter((number) =>
    !index.getCheaply(scoreOfNumber(number), 0, location)
  );
  assert.ok(missed.length > 1000, `${missed.length} passed over`);
  assert.ok(missed.length <= passedOverCount);
  const newest = all.slice(-40);
  assert.ok(newest.every((number) => !missed.includes(number)));
  await index.close();
});

Deno.test("of many scores at once those that are new are told, whatever is being merged, without a page read", async () => {
  const disk = new SimulatedDisk({ random: seededRandom(1) });
  const { index } = openIndex(disk, { entriesMax: 40 });
  const added: number[] = [];
  let told = 0;
  let asked = 0;
  for (let pack = 0; pack < 240; pack++) {
    const numbers = Array.from({ length: 100 }, (_, i) => pack * 90 + i);
    const made = makePack(pack, numbers);
    await index.addPack(made.name, made.entries);
    added.push(...numbers);
    if (pack % 8 !== 0) continue;
    const { pageReads } = index.statistics;
    // More than are asked for together.
    const others = numbers.map((number) => number + 1_000_000);
    const mixed = added.slice(-450).flatMap((it, i) => [it, others[i % 100]!]);
    const isNew = index.findNew(scoresOf([...mixed, ...added]));
    const right = [...mixed, ...added].map((it) => it >= 1_000_000);
    isNew.forEach((it, i) => assert.ok(it === 0 || right[i], `number ${i}`));
    assert.equal(index.statistics.pageReads, pageReads);
    told += isNew.reduce((sum, it) => sum + it, 0);
    asked += mixed.length / 2;
  }
  assert.ok(told > asked * 0.97, `${told} of ${asked}`);
  await index.close();
});

/** Runs of these levels, of one entry each. */
function runsOf(
  levels: readonly number[],
  busy: number[] = [],
): MergeCandidate[] {
  return levels.map((level, i) => ({
    level,
    entryCount: 1,
    busy: busy.includes(i),
  }));
}

Deno.test("five neighbours of a level are merged, oldest first, if none is busy and they fit", () => {
  const five = Array<number>(5).fill(0);
  assert.equal(chooseMerge([], 0, 100), -1);
  assert.equal(chooseMerge(runsOf(five.slice(1)), 0, 100), -1);
  assert.equal(chooseMerge(runsOf(five), 0, 100), 0);
  assert.equal(chooseMerge(runsOf(five), 1, 100), -1);
  assert.equal(chooseMerge(runsOf(five), 0, 4), -1);
  assert.equal(chooseMerge(runsOf([2, 1, ...five, 0]), 0, 100), 2);
  assert.equal(chooseMerge(runsOf([2, 1, ...five], [6]), 0, 100), -1);
});

Deno.test("the base is due when a sixth of it is recent", () => {
  const five = runsOf([1, 1, 0, 0, 0], [3]);
  assert.equal(isBaseDue(five, 30, 5), true);
  assert.equal(isBaseDue(five, 31, 5), false);
  assert.equal(isBaseDue(five, 0, 6), false);
  assert.equal(countIdle(five), 3);
  assert.equal(countIdle(runsOf([1, 0])), 2);
});

Deno.test("keys that share their first word are told apart", async () => {
  const disk = new SimulatedDisk({ random: seededRandom(1) });
  const { index } = openIndex(disk, { entriesMax: 1000 });
  const pack = makePack(0, everyNumber);
  for (let i = 0; i < pack.entries.count; i++) {
    pack.entries.keys.fill(7, i * 20, i * 20 + 4);
  }
  await index.addPack(pack.name, pack.entries);
  await index.close();
  const reopened = openIndex(disk).index;
  const location = emptyLocation();
  for (let i = 0; i < pack.entries.count; i++) {
    assert.ok(reopened.get(pack.entries.keys, i * 20, location));
    assert.equal(location.offset, pack.entries.offsets[i]);
  }
  const stranger = scoreOfNumber(5000).slice().fill(7, 0, 4);
  assert.equal(reopened.get(stranger, 0, location), false);
  await reopened.close();
});

Deno.test("an index of the system's files survives reopening", async () => {
  const path = await Deno.makeTempDir();
  const model = new IndexModel();
  for (let round = 0; round < 3; round++) {
    const { index, events } = openIndex(openRealDisk(`${path}/index`));
    assert.deepEqual(events, []);
    model.check(index, everyNumber);
    for (let pack = round * 30; pack < round * 30 + 30; pack++) {
      const made = makePack(pack, [pack * 3, pack * 3 + 1, pack]);
      await index.addPack(made.name, made.entries);
      model.add(made);
    }
    model.check(index, everyNumber);
    await index.close();
  }
  await Deno.remove(path, { recursive: true });
});

/** Passes a disk's calls on and counts the bytes read. */
function countReads(disk: Disk, count: (byteCount: number) => void): Disk {
  return {
    location: disk.location,
    list: () => disk.list(),
    create: (name) => disk.create(name),
    remove: (name) => disk.remove(name),
    rename: (from, to) => disk.rename(from, to),
    syncDirectory: () => disk.syncDirectory(),
    syncDirectoryNow: () => disk.syncDirectoryNow(),
    open(name): DiskFile {
      const file = disk.open(name);
      return {
        get size(): number {
          return file.size;
        },
        write: (bytes, position) => file.write(bytes, position),
        read(into, position): number {
          const byteCount = file.read(into, position);
          count(byteCount);
          return byteCount;
        },
        sync: () => file.sync(),
        writeDurably: (bytes, position) => file.writeDurably(bytes, position),
        writeDurablySoon: (bytes, position) =>
          file.writeDurablySoon(bytes, position),
        close: () => file.close(),
      };
    },
  };
}

Deno.test("opening reads a few bytes for each run and pack, none for the entries", async () => {
  const disk = new SimulatedDisk({ random: seededRandom(1) });
  const { index } = openIndex(disk, { entriesMax: 5000 });
  for (let pack = 0; pack < 20; pack++) {
    const numbers = Array.from({ length: 2500 }, (_, i) => pack * 2500 + i);
    const made = makePack(pack, numbers);
    await index.addPack(made.name, made.entries);
  }
  await index.close();
  let bytesRead = 0;
  const counting = countReads(disk, (byteCount) => bytesRead += byteCount);
  await openIndex(counting).index.close();
  assert.ok(bytesRead > 0 && bytesRead < 5000, `${bytesRead} bytes`);
});
