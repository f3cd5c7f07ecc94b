import assert from "node:assert/strict";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import { SCORE_LENGTH } from "../../cas/block_store.ts";
import { ScoreSample } from "../../cas/engine/score_sample.ts";
import { Bench, hasher, whole } from "./engine_bench.ts";

Deno.test("stats count data, distinct data and stored bytes, of each state and of all", async () => {
  const bench = new Bench();
  const archive = await bench.open({ pointerCacheBytesMax: 0 });
  const views: number[] = [];
  for (const volume of ["two", "one"]) {
    const request = { volume, createBlockCount: 50_000 };
    views.push((await archive.openView(request)).view);
  }
  const [two, one] = views as [number, number];
  await bench.write(archive, one, [
    ...[1, 2, 3].map((value) => whole(value, value)),
    whole(200, 1),
    whole(40_000, 1),
    whole(5, 0),
  ]);
  await archive.createSnapshot(one, "then");
  await bench.write(archive, one, [whole(1, 4)]);
  await bench.write(archive, two, [whole(7, 3), whole(8, 9)]);
  const { states, total, packCount } = await archive.operate("stats", {});
  const counted = states.map((
    { state, snapshot, blockCount, uniqueCount },
  ) => [state.volume, snapshot, blockCount, uniqueCount]);
  assert.deepEqual(counted, [
    ["one", undefined, 5, 4],
    ["one", "then", 5, 3],
    ["two", undefined, 2, 2],
  ]);
  assert.deepEqual(total, {
    blockCount: 12,
    uniqueCount: 5,
    storedBytes: 5 * BLOCK_SIZE / 4,
    missingCount: 0,
    hiddenCount: 0,
    estimated: false,
  });
  assert.equal(packCount, bench.blocks.packs.size);
  assert.ok(!bench.blocks.reads.some((key) => key.startsWith("0:")));
  const single = await archive.operate("stats", { volume: "two" });
  assert.equal(single.states.length, 1);
  await archive.close();
});

Deno.test("stats tell of missing blocks and of damaged pointer blocks", async () => {
  const bench = new Bench();
  const archive = await bench.open({ pointerCacheBytesMax: 0 });
  const request = { volume: "disk", createBlockCount: 200 };
  const { view } = await archive.openView(request);
  await bench.write(archive, view, [whole(1, 1), whole(2, 2), whole(150, 3)]);
  bench.blocks.reads.length = 0;
  await bench.read(archive, view, [150, 1]);
  const [leaf] = bench.blocks.reads.filter((key) => key.startsWith("1:"));
  const data = bench.blocks.reads.filter((key) => key.startsWith("0:"));
  bench.blocks.damaged.add(leaf!);
  bench.blocks.known.delete(data[0]!);
  const first = await archive.operate("stats", {});
  bench.blocks.damaged.clear();
  const second = await archive.operate("stats", {});
  assert.equal(first.total.hiddenCount, 72);
  assert.equal(second.total.missingCount, 1);
  assert.equal(second.total.uniqueCount, 3);
  assert.equal(bench.eventsOf("block-damaged").length, 1);
  await archive.close();
});

Deno.test("a sample that is full estimates, near the truth and the same in any order", () => {
  const count = 20_000;
  const scores = new Uint8Array(count * SCORE_LENGTH);
  for (let index = 0; index < count; index++) {
    const input = new Uint8Array(new Uint32Array([index]).buffer);
    scores.set(hasher.hash(input), index * SCORE_LENGTH);
  }
  const up = new ScoreSample(() => 1000, 2000);
  const down = new ScoreSample(() => 1000, 2000);
  for (let index = 0; index < count; index++) {
    up.add(scores, index * SCORE_LENGTH);
    up.add(scores, index * SCORE_LENGTH);
    down.add(scores, (count - 1 - index) * SCORE_LENGTH);
  }
  const { uniqueCount, storedBytes, estimated } = up.counts;
  assert.deepEqual(down.counts, up.counts);
  assert.equal(estimated, true);
  assert.ok(Math.abs(uniqueCount / count - 1) < 0.1, `${uniqueCount}`);
  assert.equal(storedBytes, uniqueCount * 1000);
});
