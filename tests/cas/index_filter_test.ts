/** The filters of the index: their tables, and what a run makes of them. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { ENTRY_WORDS, EXTENT_WORD } from "../../cas/index/entry.ts";
import { buildFuse } from "../../cas/index/fuse_builder.ts";
import {
  type FingerprintBits,
  fuseHas,
  fuseProbe,
  type FuseTable,
  PROBE_WORDS,
  shapesOf,
} from "../../cas/index/fuse_table.ts";
import {
  LARGE_FILTER,
  SMALL_FILTER,
  tableKeysMax,
} from "../../cas/index/key_filter.ts";
import { Run } from "../../cas/index/run.ts";
import { KEY_END } from "../../cas/index/run_cursor.ts";
import { RunList } from "../../cas/index/run_list.ts";
import { RunWriter } from "../../cas/index/run_writer.ts";
import { WordPool } from "../../cas/index/word_pool.ts";
import { IndexModel, makePack, openIndex, seededRandom } from "./index_rig.ts";
import { hasher } from "./packs_rig.ts";

/** Words that nobody chose, the same each time. */
function wordsOf(seed: number, count: number): Uint32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Uint32Array.from({ length: count }, () => random() * 2 ** 32);
}

const probe = new Uint32Array(PROBE_WORDS);

function hasKey(table: FuseTable, keys: Uint32Array, key: number): boolean {
  const [low, high] = [keys[2 * key]!, keys[2 * key + 1]!];
  fuseProbe({ shapes: shapesOf([table]), number: 0, low, high }, probe, 0);
  return fuseHas(table.bytes, probe, 0);
}

function countFound(table: FuseTable, keys: Uint32Array): number {
  let found = 0;
  for (let key = 0; key < keys.length / 2; key++) {
    if (hasKey(table, keys, key)) found++;
  }
  return found;
}

const bitSizes: readonly FingerprintBits[] = [
  LARGE_FILTER.bits,
  SMALL_FILTER.bits,
];

Deno.test("a table knows every key it was made of, however few they are", () => {
  fc.assert(fc.property(
    fc.constantFrom(...bitSizes),
    fc.array(fc.tuple(fc.nat(2 ** 32 - 1), fc.nat(2 ** 32 - 1)), {
      maxLength: 200,
    }),
    (bits, pairs) => {
      const keys = Uint32Array.from(pairs.flat());
      // Its making may let keys change places.
      const pool = new WordPool();
      const table = buildFuse(keys.slice(), pairs.length, { bits, pool });
      assert.ok(table !== undefined);
      assert.equal(countFound(table, keys), pairs.length);
    },
  ));
});

Deno.test("a table says yes to other keys as often as its bits make it, and takes little more than them", () => {
  const count = tableKeysMax(LARGE_FILTER);
  const keys = wordsOf(1, 2 * count);
  const others = wordsOf(2, 2 * count);
  for (const bits of bitSizes) {
    const table = buildFuse(keys.slice(), count, {
      bits,
      pool: new WordPool(),
    });
    assert.ok(table !== undefined);
    assert.equal(countFound(table, keys), count);
    const expected = count / 2 ** bits;
    const wrong = countFound(table, others);
    // Five standard deviations, for a seed that never changes.
    assert.ok(
      Math.abs(wrong - expected) < 5 * Math.sqrt(expected),
      `${wrong} of ${expected}`,
    );
    assert.ok(table.bytes.length * 8 / count < 1.2 * bits);
  }
});

Deno.test("keys that stand twice, or a hundred times, are one key", () => {
  const count = 300;
  const keys = wordsOf(3, 2 * count);
  keys.copyWithin(2 * 200, 2 * 100, 2 * 150);
  for (let key = 250; key < count; key++) keys.copyWithin(2 * key, 0, 2);
  for (const bits of bitSizes) {
    const pool = new WordPool();
    const table = buildFuse(keys.slice(), count, { bits, pool });
    assert.ok(table !== undefined);
    assert.equal(countFound(table, keys), count);
    const same = new Uint32Array(2 * count).fill(7);
    const small = buildFuse(same.slice(), count, { bits, pool });
    assert.ok(small !== undefined && countFound(small, same) === count);
  }
});

/** Seeds with which these keys do not fit into a table, and one with which they do. */
function seedsFor(
  keys: Uint32Array<ArrayBuffer>,
  badCount: number,
): { readonly bad: number[]; readonly good: number } {
  const bad: number[] = [];
  let good: number | undefined;
  const pool = new WordPool();
  for (let seed = 0; bad.length < badCount || good === undefined; seed++) {
    const build = { bits: 12, pool, seeds: [seed] } as const;
    if (buildFuse(keys.slice(), keys.length / 2, build)) good = seed;
    else bad.push(seed);
  }
  return { bad, good };
}

Deno.test("keys that fit with no seed but the last are in the table, with none of all there is no table", () => {
  const keys = wordsOf(4, 2 * 1000);
  const { bad, good } = seedsFor(keys, 5);
  const pool = new WordPool();
  const build = { bits: 12, pool } as const;
  const seeds = [...bad, good];
  const table = buildFuse(keys.slice(), 1000, { ...build, seeds });
  assert.equal(table?.seed, good);
  assert.equal(countFound(table!, keys), 1000);
  const none = buildFuse(keys.slice(), 1000, { ...build, seeds: bad });
  assert.equal(none, undefined);
});

/** Sorted entries with the keys of words. */
function entriesOf(words: Uint32Array, count: number): Uint32Array {
  const entries = new Uint32Array(count * ENTRY_WORDS);
  const firsts = words.slice(0, count).sort();
  for (let i = 0; i < count; i++) {
    const at = i * ENTRY_WORDS;
    entries.set(words.subarray(count + 4 * i, count + 4 * i + 4), at + 1);
    entries[at] = firsts[i]!;
    entries[at + EXTENT_WORD] = 1;
  }
  return entries;
}

/** A run of entries, as it was written and as it is read again. */
async function writeRun(
  entries: Uint32Array,
  filterSeeds?: readonly number[],
): Promise<{ readonly written: Run; readonly read: Run }> {
  const disk = new SimulatedDisk({ random: seededRandom(1) });
  const pool = new WordPool();
  const hash = hasher.hash;
  const count = entries.length / ENTRY_WORDS;
  const writer = new RunWriter({
    file: disk.create("run"),
    run: 1,
    entriesMax: count,
    filter: SMALL_FILTER,
    hash,
    pool,
    ...(filterSeeds && { filterSeeds }),
  });
  for (let at = 0; at < entries.length; at += ENTRY_WORDS) {
    writer.add(entries, at);
  }
  assert.throws(() => writer.add(entries, 0), RangeError);
  const { description, summary } = await writer.finish();
  const options = { display: "run", description, hash, pool };
  return {
    written: new Run({ ...options, file: disk.open("run"), summary }),
    read: new Run({ ...options, file: disk.open("run") }),
  };
}

function findAll(run: Run, entries: Uint32Array, from: number): void {
  for (let at = from; at < entries.length; at += ENTRY_WORDS) {
    const entry = entries.subarray(at, at + ENTRY_WORDS);
    const found = run.find(entry);
    assert.ok(found >= 0);
  }
}

Deno.test("a run of several tables finds all its entries, before and after it was read, and hardly reads a page for others", async () => {
  const count = tableKeysMax(SMALL_FILTER) + 1000;
  const entries = entriesOf(wordsOf(5, 5 * count), count);
  const others = entriesOf(wordsOf(6, 5 * 5000), 5000);
  const { written, read } = await writeRun(entries);
  for (const run of [written, read]) {
    const last = (count - 2000) * ENTRY_WORDS;
    findAll(run, entries.subarray(0, 1000 * ENTRY_WORDS), 0);
    findAll(run, entries, last);
    const before = run.pageReads;
    for (let at = 0; at < others.length; at += ENTRY_WORDS) {
      assert.equal(run.find(others.subarray(at, at + ENTRY_WORDS)), -1);
    }
    assert.ok(run.pageReads - before < 10);
  }
  assert.equal(written.filterBytes, read.filterBytes);
});

Deno.test("a run gives up the tables of keys that nobody asks for, and finds all others", async () => {
  const count = tableKeysMax(SMALL_FILTER) + 1000;
  const entries = entriesOf(wordsOf(5, 5 * count), count);
  const { written, read } = await writeRun(entries);
  const bytes = written.filterBytes;
  const from = (tableKeysMax(SMALL_FILTER) + 10) * ENTRY_WORDS;
  for (const run of [written, read]) {
    run.forgetBelow(entries[from]!);
    findAll(run, entries, from);
    assert.ok(run.filterBytes < bytes / 10, `${run.filterBytes} of ${bytes}`);
    run.keepsFilter = false;
    findAll(run, entries, from);
    run.keepsFilter = true;
    findAll(run, entries, from);
    assert.ok(run.filterBytes < bytes / 10);
  }
});

Deno.test("a recent run answers for what is not yet in the base, and has filters for no more", async () => {
  const count = tableKeysMax(SMALL_FILTER) + 1000;
  const entries = entriesOf(wordsOf(5, 5 * count), count);
  const { written: run } = await writeRun(entries);
  const bytes = run.filterBytes;
  const runs = new RunList([{ run, level: 0, first: 0 }]);
  const from = (tableKeysMax(SMALL_FILTER) + 10) * ENTRY_WORDS;
  assert.deepEqual(runs.passToBase(1, entries[from]!), []);
  assert.ok(runs.filterBytes < bytes / 10);
  // What a merge passed on before stays passed on.
  assert.deepEqual(runs.passToBase(1, entries[0]!), []);
  const before = entries.subarray(from - ENTRY_WORDS, from);
  assert.equal(runs.find(before, false), undefined);
  assert.ok(runs.find(entries.subarray(from, from + ENTRY_WORDS), false));
  assert.deepEqual(runs.passToBase(1, KEY_END), [run]);
  assert.equal(runs.recent.length, 0);
});

Deno.test("a run whose keys fit into no table answers from its pages", async () => {
  const entries = entriesOf(wordsOf(7, 5 * 1000), 1000);
  const keys = new Uint32Array(2 * 1000);
  for (let key = 0; key < 1000; key++) {
    const at = key * ENTRY_WORDS + 1;
    keys.set(entries.subarray(at, at + 2), 2 * key);
  }
  const { bad } = seedsFor(keys, 1);
  const { written, read } = await writeRun(entries, bad);
  for (const run of [written, read]) {
    findAll(run, entries, 0);
    assert.equal(run.pageReads, 1000);
    assert.equal(run.filterBytes, 0);
    assert.equal(run.find(entriesOf(wordsOf(8, 5), 1)), -1);
  }
});

Deno.test("what a merge into the base has passed on is found after a restart in its middle, newest first", async () => {
  const disk = new SimulatedDisk({ random: seededRandom(1) });
  const model = new IndexModel();
  const added: number[] = [];
  let middles = 0;
  for (let round = 0; round < 18; round++) {
    const { index, events } = openIndex(disk, { entriesMax: 30 });
    assert.deepEqual(events, []);
    for (let pack = round * 3; pack < round * 3 + 3; pack++) {
      // A fifth of each pack was in one before.
      const numbers = Array.from({ length: 500 }, (_, i) => pack * 400 + i);
      const made = makePack(pack, numbers);
      await index.addPack(made.name, made.entries);
      model.add(made);
      added.push(...numbers);
    }
    const sample = added.filter((_, i) => i % 29 === round);
    model.check(index, sample);
    model.check(index, sample.map((number) => number + 1_000_000));
    await index.close();
    if (readFirsts(disk).some((first) => first > 0)) middles++;
  }
  assert.ok(middles > 3, `${middles} restarts in the middle of a merge`);
  const { index } = openIndex(disk);
  model.check(index, added);
  await index.close();
});

/** From which keys on the recent runs count, as the manifest has it. */
function readFirsts(disk: SimulatedDisk): number[] {
  const file = disk.open("manifest");
  const bytes = new Uint8Array(file.size);
  file.read(bytes, 0);
  file.close();
  const [text] = new TextDecoder().decode(bytes).split("\n");
  const { recent } = JSON.parse(text!) as { recent: { first: number }[] };
  return recent.map(({ first }) => first);
}
