/** Scattered blocks, from stores that read many ranges together. */

import assert from "node:assert/strict";
import {
  BlobError,
  type FoundRanges,
  type KeyedRange,
} from "../../blobstores/blob_store.ts";
import { TogetherReads } from "../../cas/packs/together_reads.ts";
import {
  assertReads,
  onlyPack,
  openRig,
  PliableStore,
  type Rig,
  sampleBlocks,
  type TestBlock,
  writeBlocks,
} from "./packs_rig.ts";

/** Changes what ranges read; may also throw. */
type Change = (found: Uint8Array<ArrayBuffer>[]) => FoundRanges;

/** A store whose ranges pass through a function of the test. */
class RangedStore extends PliableStore {
  readonly asked: number[] = [];
  change: Change = (found) => found;

  // deno-lint-ignore require-await -- rejects instead of throwing
  async getRanges(ranges: readonly KeyedRange[]): Promise<FoundRanges> {
    this.asked.push(ranges.length);
    return this.change(
      ranges.map(({ key, offset, length }) =>
        this.space.blobs.get(key)!.slice(offset, offset + length)
      ),
    );
  }
}

/** Packs with blocks that lie so far apart that none is read with another. */
async function scattered(): Promise<{
  readonly rig: Rig;
  readonly store: RangedStore;
  readonly blocks: readonly TestBlock[];
}> {
  const store = new RangedStore();
  const rig = openRig({ store });
  const all = sampleBlocks(300).filter(({ kind }) => kind === 0);
  await writeBlocks(rig.packs, all);
  const blocks = all.filter((_, place) => place % 40 === 0);
  assert.ok(blocks.length > 3);
  store.getCount = 0;
  return { rig, store, blocks };
}

Deno.test("scattered blocks are read with one operation", async () => {
  const { rig, store, blocks } = await scattered();
  await assertReads(rig.packs, blocks);
  assert.deepEqual(store.asked, [blocks.length]);
  assert.equal(store.getCount, 0);
});

const CHANGES: Record<string, { change: Change; readAgain: number }> = {
  "is missing": {
    change: (found) => found.with(1, undefined as never),
    readAgain: 1,
  },
  "is wrong": {
    change: (found) => found.with(1, found[1]!.map((byte) => byte ^ 1)),
    readAgain: 1,
  },
  "is too short": {
    change: (found) => found.with(1, found[1]!.subarray(1)),
    readAgain: 1,
  },
  "is another one": {
    change: (found) => found.with(1, found[0]!),
    readAgain: 1,
  },
  "and all others are missing": { change: () => [], readAgain: Infinity },
};

for (const [what, { change, readAgain }] of Object.entries(CHANGES)) {
  Deno.test(`a range that ${what} is read once more, alone`, async () => {
    const { rig, store, blocks } = await scattered();
    store.change = change;
    await assertReads(rig.packs, blocks);
    assert.equal(store.getCount, Math.min(readAgain, blocks.length));
    assert.deepEqual(rig.events, []);
  });
}

Deno.test("a store that fails to read ranges together is asked again after a minute, two, four, and that is told", async () => {
  const store = new RangedStore();
  const wakes: (() => void)[] = [];
  const slept: number[] = [];
  const rig = openRig({
    store,
    sleep(timeMs): Promise<void> {
      slept.push(timeMs);
      return new Promise((wake) => wakes.push(wake));
    },
  });
  const all = sampleBlocks(300).filter(({ kind }) => kind === 0);
  await writeBlocks(rig.packs, all);
  const blocks = all.filter((_, place) => place % 40 === 0);
  store.change = (): never => {
    throw new BlobError("two ranges too many", { code: "Unknown" });
  };
  for (let pause = 0; pause < 3; pause++) {
    await assertReads(rig.packs, blocks);
    await assertReads(rig.packs, blocks);
    assert.equal(store.asked.length, pause + 1);
    assert.equal(rig.events.length, pause + 1);
    const { event, severity, message } = rig.events[pause]!;
    assert.deepEqual([event, severity], ["ranges-failed", "strange"]);
    assert.match(message, /one by one.*two ranges too many/);
    assert.equal(slept[pause], 60_000 * 2 ** pause);
    wakes[pause]!();
    await Promise.resolve();
  }
  store.change = (found) => found;
  await assertReads(rig.packs, blocks);
  assert.equal(rig.events.at(-1)!.event, "ranges-recovered");
  store.getCount = 0;
  await assertReads(rig.packs, blocks);
  assert.deepEqual([store.asked.length, store.getCount], [5, 0]);
});

Deno.test("while one tries whether a store reads ranges together again, others do not wait for that", async () => {
  const store = new RangedStore();
  const go = Promise.withResolvers<FoundRanges>();
  const reads = new TogetherReads({
    display: "memory:",
    onEvent: () => {},
    sleep: () => Promise.resolve(),
    signal: new AbortController().signal,
  });
  await reads.run(() => Promise.reject(new Error("no")));
  const trial = reads.run(() => go.promise);
  assert.deepEqual(await reads.run(() => store.getRanges([])), []);
  assert.deepEqual(store.asked, []);
  go.resolve([undefined]);
  assert.deepEqual(await trial, [undefined]);
  await reads.run(() => store.getRanges([]));
  assert.equal(store.asked.length, 1);
});

Deno.test("a block that is damaged in the store is damage, and concerns no other", async () => {
  const { rig, store, blocks } = await scattered();
  const pack = onlyPack(store);
  let rotten = 0;
  store.change = (found) => {
    // The block that is stored at the place of the second range.
    if (rotten === 0) rotten = indexOf(pack, found[1]!);
    pack[rotten + 5]! ^= 4;
    return found.map((bytes, place) =>
      place === 1 ? pack.slice(rotten, rotten + bytes.length) : bytes
    );
  };
  await assertReads(rig.packs, blocks, [1]);
});

function indexOf(pack: Uint8Array, bytes: Uint8Array): number {
  for (let at = 0;; at++) {
    assert.ok(at < pack.length);
    if (bytes.every((byte, i) => pack[at + i] === byte)) return at;
  }
}
