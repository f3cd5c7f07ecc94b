import assert from "node:assert/strict";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import { Bench, whole } from "./engine_bench.ts";

interface Made {
  readonly bench: Bench;
  readonly archive: OpenedArchive;
}

/** Two volumes, three states, a snapshot, a clone. */
async function makeArchive(): Promise<Made> {
  const bench = new Bench();
  const archive = await bench.open({ pointerCacheBytesMax: 0 });
  const request = { volume: "disk", createBlockCount: 50_000 };
  const { view } = await archive.openView(request);
  await bench.write(archive, view, [whole(1, 1), whole(300, 2)]);
  await archive.createSnapshot(view, "then");
  await bench.write(archive, view, [whole(1, 3), whole(40_000, 4)]);
  await archive.operate("clone", { source: { volume: "disk" }, volume: "b" });
  return { bench, archive };
}

function keyOf(bench: Bench, pattern: RegExp): string {
  return [...bench.space.blobs.keys()].find((key) => pattern.test(key))!;
}

Deno.test("a check counts what a sound archive has, and reads each pointer block once", async () => {
  const { bench, archive } = await makeArchive();
  bench.blocks.reads.length = 0;
  const { faults, ...counts } = await archive.operate("check", {});
  assert.deepEqual(faults, []);
  const pointers = bench.blocks.reads;
  assert.equal(new Set(pointers).size, pointers.length);
  assert.ok(!pointers.some((key) => key.startsWith("0:")));
  assert.deepEqual(counts, {
    rootCount: 4,
    snapshotCount: 1,
    packCount: bench.blocks.packs.size,
    pointerCount: pointers.length,
    // Block 300 lies below one pointer block, which both states share.
    blockCount: 1 + 1 + 1 + 1,
    faultCount: 0,
  });
  await archive.close();
});

Deno.test("a check finds whatever is taken away, and names it", async () => {
  const cases: [string, (bench: Bench) => void, RegExp][] = [
    [
      "an old root",
      (bench) => bench.space.blobs.delete(keyOf(bench, /^roots.*1$/)),
      /root "roots\/.*1".*missing/,
    ],
    [
      "a byte of a root",
      (bench) => bench.space.blobs.get(keyOf(bench, /^roots.*2$/))![99]! ^= 1,
      /root "roots\/.*2".*checksum/,
    ],
    [
      "a pack",
      (bench) => bench.space.blobs.delete(keyOf(bench, /^packs/)),
      /Pack [0-9a-f]{64} is missing/,
    ],
    [
      "a data block",
      (bench) => {
        const keys = [...bench.blocks.known.keys()];
        bench.blocks.known.delete(keys.find((it) => it.startsWith("0:"))!);
      },
      /No pack holds a block of root \d of volume "disk"/,
    ],
    [
      "a pointer block",
      (bench) => {
        const keys = [...bench.blocks.known.keys()];
        bench.blocks.damaged.add(keys.find((it) => it.startsWith("2:"))!);
      },
      /Cannot read the pointer block of level 2/,
    ],
    [
      "a snapshot",
      (bench) => bench.space.blobs.get(keyOf(bench, /^names/))![20]! ^= 1,
      /snapshot in blob "names\/.*then".*damaged/,
    ],
  ];
  for (const [what, damage, expected] of cases) {
    const { bench, archive } = await makeArchive();
    damage(bench);
    const { faults, faultCount } = await archive.operate("check", {});
    assert.ok(faultCount > 0, what);
    assert.ok(faults.some((fault) => expected.test(fault)), faults.join("\n"));
    await archive.close();
  }
});

Deno.test("what a check looked up in an index that was made anew meanwhile is looked up again", async () => {
  // It may have found too little, or what is no more.
  for (const [first, then] of [[0, 1], [1, 0]]) {
    const { bench, archive } = await makeArchive();
    const { blocks } = bench;
    const locate = blocks.locate.bind(blocks);
    let madeCount = 0;
    blocks.locate = (scores, offset) =>
      [first, then][madeCount - 1] === 1 ? locate(scores, offset) : undefined;
    blocks.mend = () => Promise.resolve(Math.min(2, ++madeCount));
    const { faultCount } = await archive.operate("check", {});
    assert.equal(faultCount > 0, then === 0);
    await archive.close();
  }
});
