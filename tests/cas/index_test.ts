import assert from "node:assert/strict";
import fc from "fast-check";
import type { Disk, DiskFile } from "../../cas/disk/disk.ts";
import { openRealDisk } from "../../cas/disk/real_disk.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { ENTRY_WORDS, setKey } from "../../cas/index/entry.ts";
import {
  FILTER_BLOCK_WORDS,
  filterBlockCount,
  KeyFilter,
} from "../../cas/index/key_filter.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import { chooseMerge, RUN_ENTRIES_MAX } from "../../cas/index/merge_choice.ts";
import type { ScoreIndex } from "../../cas/index/score_index.ts";
import {
  IndexModel,
  makePack,
  openIndex,
  scoreOfNumber,
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
function runSteps(
  start: ScoreIndex,
  reopen: (index: ScoreIndex) => ScoreIndex,
  script: readonly Step[],
): void {
  const model = new IndexModel();
  let index = start;
  let packs = 0;
  for (const step of script) {
    switch (step.do) {
      case "add": {
        const pack = makePack(packs++, step.numbers);
        index.addPack(pack.name, pack.entries);
        model.add(pack);
        break;
      }
      case "suspect":
        index.suspect(scoreOfNumber(step.number), 0);
        model.suspect(step.number);
        break;
      case "flush":
        index.flush();
        break;
      case "reopen":
        index = reopen(index);
        break;
    }
  }
  model.check(index, everyNumber);
  assert.equal(index.packCount, packs);
  for (let pack = 0; pack < packs; pack++) {
    assert.ok(index.knowsPack(makePack(pack, []).name));
  }
  assert.equal(index.knowsPack(makePack(packs, []).name), false);
  index.close();
}

Deno.test("an index in memory answers as a map does", () => {
  fc.assert(fc.property(steps, (script) => {
    runSteps(new MemoryIndex(), (index) => index, script);
  }));
});

Deno.test("an index on disk answers as a map does, through runs, merges and reopening", () => {
  fc.assert(
    fc.property(steps, fc.constantFrom(1, 40, 1000), (script, entriesMax) => {
      const disk = new SimulatedDisk({ random: seededRandom(1) });
      const open = (): ScoreIndex => {
        const { index, events } = openIndex(disk, { entriesMax });
        assert.deepEqual(events, []);
        return index;
      };
      runSteps(open(), (index) => {
        index.close();
        return open();
      }, script);
    }),
    { numRuns: 60 },
  );
});

Deno.test("runs are merged, so that their number stays small", () => {
  const disk = new SimulatedDisk({ random: seededRandom(1) });
  const { index } = openIndex(disk, { entriesMax: 250 });
  const model = new IndexModel();
  const all: number[] = [];
  for (let pack = 0; pack < 120; pack++) {
    const numbers = Array.from({ length: 100 }, (_, i) => pack * 90 + i);
    const made = makePack(pack, numbers);
    index.addPack(made.name, made.entries);
    model.add(made);
    all.push(...numbers);
  }
  const runs = disk.list().filter((name) => name.startsWith("run-"));
  assert.ok(runs.length > 2 && runs.length < 24, `${runs.length} runs`);
  index.close();
  const reopened = openIndex(disk);
  assert.deepEqual(reopened.events, []);
  model.check(reopened.index, all);
  reopened.index.close();
});

Deno.test("merges take neighbours from the new end, a whole level at a time", () => {
  const equal = (count: number, size: number): number[] =>
    Array(count).fill(size);
  assert.equal(chooseMerge([]), 0);
  assert.equal(chooseMerge(equal(7, 100)), 0);
  assert.equal(chooseMerge(equal(8, 100)), 8);
  assert.equal(chooseMerge([100_000, ...equal(8, 100)]), 8);
  assert.equal(chooseMerge([...equal(6, 100_000), 100]), 0);
  assert.equal(chooseMerge([...equal(8, 100_000), 100]), 9);
  assert.equal(chooseMerge([100, ...equal(7, 100_000)]), 8);
  assert.equal(chooseMerge(equal(20, RUN_ENTRIES_MAX)), 0);
  assert.equal(chooseMerge(equal(20, RUN_ENTRIES_MAX / 10)), 10);
});

Deno.test("the filter knows every key it was given, and few others", () => {
  const count = 20_000;
  const filter = new KeyFilter(
    new Uint32Array(filterBlockCount(count) * FILTER_BLOCK_WORDS),
  );
  const entry = new Uint32Array(ENTRY_WORDS);
  const has = (number: number): boolean => {
    setKey(entry, scoreOfNumber(number), 0);
    return filter.has(entry, 0);
  };
  for (let number = 0; number < count; number++) {
    setKey(entry, scoreOfNumber(number), 0);
    filter.add(entry, 0);
  }
  let wrong = 0;
  for (let number = 0; number < count; number++) {
    assert.ok(has(number));
    if (has(count + number)) wrong++;
  }
  assert.ok(wrong / count < 0.02, `${wrong} of ${count}`);
});

Deno.test("keys that share their first word are told apart", () => {
  const disk = new SimulatedDisk({ random: seededRandom(1) });
  const { index } = openIndex(disk, { entriesMax: 1000 });
  const pack = makePack(0, everyNumber);
  for (let i = 0; i < pack.entries.count; i++) {
    pack.entries.scores.fill(7, i * 32, i * 32 + 4);
  }
  index.addPack(pack.name, pack.entries);
  index.close();
  const reopened = openIndex(disk).index;
  const location = { pack: 0, offset: 0, length: 0, codec: 0, suspect: false };
  for (let i = 0; i < pack.entries.count; i++) {
    assert.ok(reopened.get(pack.entries.scores, i * 32, location));
    assert.equal(location.offset, pack.entries.offsets[i]);
  }
  const stranger = scoreOfNumber(5000).slice().fill(7, 0, 4);
  assert.equal(reopened.get(stranger, 0, location), false);
  reopened.close();
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
      index.addPack(made.name, made.entries);
      model.add(made);
    }
    model.check(index, everyNumber);
    index.close();
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
        syncNow: () => file.syncNow(),
        close: () => file.close(),
      };
    },
  };
}

Deno.test("opening reads a few bytes for each run and pack, none for the entries", () => {
  const disk = new SimulatedDisk({ random: seededRandom(1) });
  const { index } = openIndex(disk, { entriesMax: 5000 });
  for (let pack = 0; pack < 20; pack++) {
    const numbers = Array.from({ length: 2500 }, (_, i) => pack * 2500 + i);
    const made = makePack(pack, numbers);
    index.addPack(made.name, made.entries);
  }
  index.close();
  let bytesRead = 0;
  const counting = countReads(disk, (byteCount) => bytesRead += byteCount);
  openIndex(counting).index.close();
  assert.ok(bytesRead > 0 && bytesRead < 5000, `${bytesRead} bytes`);
});
