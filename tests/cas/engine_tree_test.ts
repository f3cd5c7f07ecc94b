import assert from "node:assert/strict";
import fc from "fast-check";
import { MemoryStore } from "../../blobstores/memory_store.ts";
import { BlockKind, SCORE_LENGTH } from "../../cas/block_store.ts";
import { BlockReader } from "../../cas/engine/block_reader.ts";
import { isZero, scoreAt } from "../../cas/bytes.ts";
import { systemClock } from "../../cas/engine/clock.ts";
import {
  BLOCK_COUNT_MAX,
  depthFor,
  type Tree,
} from "../../cas/engine/geometry.ts";
import { Pointers } from "../../cas/engine/pointers.ts";
import { Retry } from "../../cas/engine/retry.ts";
import { lookup } from "../../cas/engine/tree_lookup.ts";
import { updateTree } from "../../cas/engine/tree_update.ts";
import { createWasmHasher } from "../../cas/score.ts";
import { MapBlocks } from "./engine_map_blocks.ts";

const hasher = await createWasmHasher();

/** A tree over a Map of blocks; score `n` of the model stands for content `n`. */
class Bench {
  readonly blocks: MapBlocks;
  readonly pointers: Pointers;
  tree: Tree;

  constructor(blockCount: number, cacheBytesMax = 1 << 20, shared?: MapBlocks) {
    const store = new MemoryStore();
    this.blocks = shared ?? new MapBlocks(store, hasher);
    const retry = new Retry({
      clock: systemClock,
      onEvent: () => {},
      signal: new AbortController().signal,
    });
    const reader = new BlockReader({
      blocks: this.blocks,
      store,
      retry,
      clock: systemClock,
      onEvent: () => {},
    });
    this.pointers = new Pointers(reader, cacheBytesMax);
    const root = new Uint8Array(SCORE_LENGTH);
    this.tree = { root, depth: depthFor(blockCount), blockCount };
  }

  async update(changes: Map<number, number>): Promise<number[]> {
    const sorted = [...changes].sort(([left], [right]) => left - right);
    const scores = new Uint8Array(sorted.length * SCORE_LENGTH);
    sorted.forEach(([, content], place) =>
      scores.set(scoreFor(content), place * SCORE_LENGTH)
    );
    const writer = this.blocks.write();
    const blocks = Float64Array.from(sorted, ([block]) => block);
    const result = await updateTree(this.tree, { blocks, scores }, {
      pointers: this.pointers,
      writer,
      hasher,
      yieldNow: () => Promise.resolve(),
    });
    await writer.finish();
    this.tree = { ...this.tree, root: result.root };
    return [...result.deferred];
  }

  async contents(blocks: number[]): Promise<string[]> {
    const { scores, damageOf } = await lookup(
      this.pointers,
      this.tree,
      Float64Array.from(blocks),
    );
    return blocks.map((_, index) =>
      damageOf[index]! >= 0 ? "damaged" : scoreAt(scores, index).toHex()
    );
  }
}

/** A score that stands for content `n`; null for 0. */
function scoreFor(content: number): Uint8Array {
  const score = new Uint8Array(SCORE_LENGTH);
  new DataView(score.buffer).setUint32(28, content);
  return score;
}

const SIZES = [1, 2, 127, 128, 129, 16_384, 16_385, 1e9, BLOCK_COUNT_MAX];

const scenario = fc.constantFrom(...SIZES).chain((blockCount) => {
  const block = fc.oneof(
    fc.nat({ max: Math.min(blockCount - 1, 300) }),
    fc.maxSafeNat().map((value) => value % blockCount),
    fc.nat({ max: Math.min(blockCount - 1, 300) })
      .map((value) => blockCount - 1 - value),
  );
  const changes = fc.array(fc.tuple(block, fc.nat({ max: 3 })), {
    minLength: 1,
    maxLength: 60,
  });
  return fc.record({
    blockCount: fc.constant(blockCount),
    rounds: fc.array(changes, { minLength: 1, maxLength: 5 }),
    cacheBytesMax: fc.constantFrom(0, 20_000, 1 << 20),
  });
});

Deno.test("a tree gives the scores of a Map, whatever the size and the cache", async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const bench = new Bench(given.blockCount, given.cacheBytesMax);
      const model = new Map<number, number>();
      for (const round of given.rounds) {
        const changes = new Map(round);
        for (const [block, content] of changes) model.set(block, content);
        assert.deepEqual(await bench.update(changes), []);
        const asked = [...model.keys(), 0, given.blockCount - 1].reverse();
        assert.deepEqual(
          await bench.contents(asked),
          asked.map((block) => scoreFor(model.get(block) ?? 0).toHex()),
        );
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("equal content gives an equal root in any order and any batches", async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const stepwise = new Bench(given.blockCount, given.cacheBytesMax);
      const final = new Map<number, number>();
      for (const round of given.rounds) {
        await stepwise.update(new Map(round));
        for (const [block, content] of round) final.set(block, content);
      }
      const atOnce = new Bench(given.blockCount);
      await atOnce.update(final);
      assert.equal(stepwise.tree.root.toHex(), atOnce.tree.root.toHex());
      const oneByOne = new Bench(given.blockCount);
      for (const change of [...final].reverse()) {
        await oneByOne.update(new Map([change]));
      }
      assert.equal(oneByOne.tree.root.toHex(), atOnce.tree.root.toHex());
    }),
    { numRuns: 30 },
  );
});

Deno.test("a tree whose blocks all became zeros again has the null root", async () => {
  const bench = new Bench(BLOCK_COUNT_MAX);
  const blocks = [0, 5, 127, 128, 2 ** 30, BLOCK_COUNT_MAX - 1];
  await bench.update(new Map(blocks.map((block) => [block, 9])));
  assert.equal(isZero(bench.tree.root), false);
  await bench.update(new Map(blocks.map((block) => [block, 0])));
  assert.equal(isZero(bench.tree.root), true);
});

Deno.test("a tree has as many levels as its blocks need, at least one", () => {
  const cases = [[1, 1], [128, 1], [129, 2], [16_384, 2], [16_385, 3]];
  for (const [blockCount, depth] of cases) {
    assert.equal(depthFor(blockCount!), depth);
  }
  assert.equal(depthFor(BLOCK_COUNT_MAX), 7);
  for (const bad of [0, -1, 1.5, NaN, BLOCK_COUNT_MAX + 1]) {
    assert.throws(() => depthFor(bad), RangeError);
  }
});

Deno.test("pointer blocks of one content at two levels have two scores", async () => {
  const bench = new Bench(129);
  await bench.update(new Map([[0, 1]]));
  const kinds = [...bench.blocks.known.keys()].map((key) => key.split(":")[0]);
  assert.deepEqual(kinds, ["1", "2"]);
  const block = new Uint8Array(4096).fill(1);
  const scores = new Set(
    [BlockKind.Data, 1, 2, 7, BlockKind.Root].map((kind) => {
      const score = new Uint8Array(SCORE_LENGTH);
      hasher.score(kind, block, score);
      return score.toHex();
    }),
  );
  assert.equal(scores.size, 5);
});

Deno.test("a sequential lookup reads each pointer block once, level by level", async () => {
  const bench = new Bench(100_000);
  const all = Array.from({ length: 1000 }, (_, index) => index + 77);
  await bench.update(new Map(all.map((block) => [block, block])));
  const cold = new Bench(100_000, 1 << 20, bench.blocks);
  cold.tree = bench.tree;
  bench.blocks.reads.length = 0;
  await cold.contents(all);
  assert.deepEqual(
    bench.blocks.reads.map((key) => key.split(":")[0]),
    ["3", "2", "1", "1", "1", "1", "1", "1", "1", "1", "1"],
  );
  bench.blocks.reads.length = 0;
  await cold.contents(all);
  assert.deepEqual(bench.blocks.reads, []);
});

Deno.test("a damaged pointer block hides exactly the blocks below it", async () => {
  const bench = new Bench(100_000, 0);
  const all = Array.from({ length: 400 }, (_, index) => index);
  await bench.update(new Map(all.map((block) => [block, block + 1])));
  bench.blocks.damaged.add(await keyOfLeaf(bench, 128));
  const found = await bench.contents(all);
  found.forEach((content, block) => {
    const hidden = block >= 128 && block < 256;
    assert.equal(content, hidden ? "damaged" : scoreFor(block + 1).toHex());
  });
});

Deno.test("changes below a damaged pointer block are deferred, the others apply", async () => {
  const bench = new Bench(100_000, 0);
  const all = Array.from({ length: 400 }, (_, index) => index);
  await bench.update(new Map(all.map((block) => [block, block + 1])));
  bench.blocks.damaged.add(await keyOfLeaf(bench, 128));
  const deferred = await bench.update(
    new Map([[127, 5000], [128, 5001], [200, 5002], [256, 5003]]),
  );
  assert.deepEqual(deferred, [128, 200]);
  assert.deepEqual(await bench.contents([127, 128, 200, 201, 256, 257]), [
    scoreFor(5000).toHex(),
    "damaged",
    "damaged",
    "damaged",
    scoreFor(5003).toHex(),
    scoreFor(258).toHex(),
  ]);
});

Deno.test("overwriting all blocks below a damaged pointer block heals it", async () => {
  const bench = new Bench(100_000, 0);
  await bench.update(new Map([[128, 7], [300, 8]]));
  bench.blocks.damaged.add(await keyOfLeaf(bench, 128));
  const region = Array.from({ length: 128 }, (_, index) => 128 + index);
  const changes = new Map(region.map((block) => [block, 7000 + block]));
  assert.deepEqual(await bench.update(changes), []);
  assert.deepEqual(await bench.contents([128, 255, 300]), [
    scoreFor(7128).toHex(),
    scoreFor(7255).toHex(),
    scoreFor(8).toHex(),
  ]);
});

Deno.test("overwriting a damaged region with what it held heals it", async () => {
  const bench = new Bench(100_000, 0);
  const region = new Map(
    Array.from({ length: 128 }, (_, index) => [128 + index, 9000 + index]),
  );
  await bench.update(region);
  bench.blocks.damaged.add(await keyOfLeaf(bench, 128));
  assert.deepEqual(await bench.contents([130]), ["damaged"]);
  assert.deepEqual(await bench.update(region), []);
  assert.deepEqual(await bench.contents([128, 255]), [
    scoreFor(9000).toHex(),
    scoreFor(9127).toHex(),
  ]);
});

Deno.test("blocks outside the volume are refused", async () => {
  const bench = new Bench(10);
  await assert.rejects(bench.contents([10]), RangeError);
  await assert.rejects(bench.contents([-1]), RangeError);
  await assert.rejects(bench.update(new Map([[10, 1]])), RangeError);
});

/** The key of the level 1 pointer block over a data block, found by what is read. */
async function keyOfLeaf(bench: Bench, block: number): Promise<string> {
  bench.blocks.reads.length = 0;
  await bench.contents([block]);
  return bench.blocks.reads.at(-1)!;
}
