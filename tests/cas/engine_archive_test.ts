import assert from "node:assert/strict";
import fc from "fast-check";
import {
  assertHolds,
  Bench,
  EDGE_BLOCKS,
  makeDisk,
  Model,
  whole,
  type Write,
} from "./engine_bench.ts";
import { refusal } from "./refusal.ts";

Deno.test("a missing archive is refused with the way to make it, and left missing", async () => {
  const bench = new Bench();
  await assert.rejects(
    bench.open({ create: false }),
    refusal("NoArchive", /memory:.*--create/),
  );
  assert.equal(bench.space.blobs.size, 0);
  assert.equal(bench.space.hold, null);
});

Deno.test("a damaged or newer format blob is refused", async () => {
  const bench = new Bench();
  await (await bench.open()).close();
  const good = bench.space.blobs.get("format")!;
  for (let index = 0; index < good.length; index++) {
    const bad = good.slice();
    bad[index]! ^= 1;
    bench.space.blobs.set("format", bad);
    const other = new Bench(bench.space);
    await assert.rejects(other.open(), refusal("Damaged", /"format"/));
  }
  bench.space.blobs.delete("format");
  await (await new Bench(bench.space).open()).close();
});

Deno.test("an archive that lost its format blob is not made anew over its volumes", async () => {
  const bench = new Bench();
  const archive = await bench.open();
  await makeDisk(archive);
  await archive.close();
  bench.space.blobs.delete("format");
  await assert.rejects(
    new Bench(bench.space).open(),
    refusal("Damaged", /"format" is missing/),
  );
});

Deno.test("a volume is made once, and found again with its size", async () => {
  const bench = new Bench();
  const archive = await bench.open();
  await assert.rejects(
    archive.openView({ volume: "disk" }),
    refusal(
      "NoVolume",
      /"disk".*it has none.*volume create NAME SIZE.*--create/,
    ),
  );
  const [first, second] = await Promise.all([
    archive.openView({ volume: "disk", createBlockCount: 100 }),
    archive.openView({ volume: "disk", createBlockCount: 100 }),
  ]);
  assert.equal(first.view, second.view);
  assert.equal(first.sequence, 0);
  await assert.rejects(
    archive.openView({ volume: "disk", createBlockCount: 101 }),
    refusal("SizeMismatch", /409600 bytes/),
  );
  await assert.rejects(
    archive.openView({ volume: "dusk" }),
    refusal("NoVolume", /"disk"/),
  );
  for (const bad of ["", "Disk", "-a", "a/b", "a".repeat(64), "ä"]) {
    await assert.rejects(
      archive.openView({ volume: bad, createBlockCount: 1 }),
      refusal("BadName", /a-z/),
    );
  }
  await archive.close();
  const again = await new Bench(bench.space).open({ create: false });
  const found = await again.openView({ volume: "disk" });
  assert.equal(found.blockCount, 100);
  assert.equal(found.rootHash, first.rootHash);
  assert.equal(found.volumeId, first.volumeId);
  assert.equal(found.writerId, "5".repeat(32));
  await again.close();
});

const write: fc.Arbitrary<Write> = fc.record({
  block: fc.constantFrom(...EDGE_BLOCKS),
  mask: fc.oneof(fc.constant(0xff), fc.integer({ min: 1, max: 255 })),
  value: fc.integer({ min: 0, max: 3 }),
});

const generation = fc.uniqueArray(write, {
  minLength: 1,
  maxLength: EDGE_BLOCKS.length,
  selector: ({ block }) => block,
});

Deno.test("checkpoints and reopenings give what a model says, partial blocks too", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ writes: generation, reopen: fc.boolean() }), {
        minLength: 1,
        maxLength: 6,
      }),
      async (steps) => {
        let bench = new Bench();
        let archive = await bench.open({ pointerCacheBytesMax: 10_000 });
        let view = await makeDisk(archive);
        const model = new Model();
        for (const [index, { writes, reopen }] of steps.entries()) {
          model.write(writes);
          const { roots } = await bench.write(archive, view, writes);
          assert.deepEqual(roots.map((root) => root.sequence), [index + 1]);
          if (reopen) {
            await archive.close();
            bench = new Bench(bench.space);
            archive = await bench.open({ create: false });
            const opened = await archive.openView({ volume: "disk" });
            assert.equal(opened.sequence, index + 1);
            assert.equal(opened.rootHash, roots[0]!.rootHash);
            view = opened.view;
          }
          const blocks = [...EDGE_BLOCKS].reverse();
          await assertHolds(bench, archive, { view, model, blocks });
        }
        await archive.close();
      },
    ),
    { numRuns: 40 },
  );
});

/** In hexadecimal, one for each volume. */
function newestTreeRoots({ space }: Bench): string[] {
  const byVolume = new Map<string, string>();
  for (const [key, blob] of [...space.blobs].sort()) {
    const [prefix, volumeId] = key.split("/");
    if (prefix !== "roots") continue;
    byVolume.set(volumeId!, blob.slice(96, 128).toHex());
  }
  return [...byVolume.values()];
}

Deno.test("any partial writes that end in equal content give equal tree roots", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(generation, { minLength: 1, maxLength: 6 }),
      fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 }),
      async (generations, sectors) => {
        const bench = new Bench();
        const archive = await bench.open({ pointerCacheBytesMax: 10_000 });
        const one = await makeDisk(archive, "one");
        const model = new Model();
        for (const writes of generations) {
          model.write(writes);
          await bench.write(archive, one, writes);
        }
        const two = await makeDisk(archive, "two");
        for (const sector of sectors) {
          // Here nothing is ever written and made zeros again.
          const writes = [...model.blocks].map(([block, bytes]) => ({
            block,
            mask: 1 << sector,
            value: bytes[sector * 512]!,
          })).filter(({ value }) => value !== 0);
          await bench.write(archive, two, writes);
        }
        const roots = newestTreeRoots(bench);
        assert.equal(roots.length, 2);
        assert.equal(roots[0], roots[1]);
        await archive.close();
      },
    ),
    { numRuns: 12 },
  );
});

Deno.test("volumes of equal content share blocks and have equal tree roots", async () => {
  const bench = new Bench();
  const archive = await bench.open();
  const one = await makeDisk(archive, "one");
  const two = await makeDisk(archive, "two");
  const writes = Array.from(
    { length: 200 },
    (_, index) => whole(index * 3, 1 + index % 250),
  );
  const first = await bench.write(archive, one, writes);
  assert.equal(first.blocksNew, 200);
  const second = await bench.write(archive, two, writes);
  assert.equal(second.blocksNew, 0);
  assert.equal(second.blocksDuplicate, 200);
  assert.ok(second.packBytes < first.packBytes / 100);
  const roots = newestTreeRoots(bench);
  assert.equal(roots.length, 2);
  assert.equal(roots[0], roots[1]);
  await archive.close();
});

Deno.test("zeros take no block, and overwriting with zeros gives the null tree again", async () => {
  const bench = new Bench();
  const archive = await bench.open();
  const view = await makeDisk(archive);
  await bench.write(archive, view, [whole(5, 9), whole(700, 8)]);
  const result = await bench.write(archive, view, [
    whole(5, 0),
    { block: 6, mask: 3, value: 0 },
    whole(700, 0),
  ]);
  assert.equal(result.blocksZero, 3);
  assert.equal(result.blocksNew, 0);
  const newest =
    [...bench.space.blobs].find(([key]) =>
      key.startsWith("roots/") && key.endsWith("2")
    )![1];
  assert.deepEqual(newest.slice(96, 128), new Uint8Array(32));
  await archive.close();
});

Deno.test("partial writes to blocks never written are completed with zeros, however large the generation", async () => {
  const bench = new Bench();
  const archive = await bench.open();
  const view = await makeDisk(archive);
  const model = new Model();
  const writes = Array.from({ length: 600 }, (_, block) => ({
    block,
    mask: block % 300 === 299 ? 0x10 : 0xff,
    value: 1 + block % 200,
  }));
  model.write(writes);
  await bench.write(archive, view, writes);
  const blocks = [298, 299, 598, 599, 600];
  await assertHolds(bench, archive, { view, model, blocks });
  await archive.close();
});

Deno.test("one checkpoint moves several volumes", async () => {
  const bench = new Bench();
  const archive = await bench.open();
  const one = await makeDisk(archive, "one");
  const two = await makeDisk(archive, "two", 10);
  const result = await archive.checkpoint({
    volumes: [
      bench.freeze(one, [whole(1, 1)]),
      bench.freeze(two, [whole(2, 2)], 100),
    ],
  });
  assert.deepEqual(result.roots.map(({ view }) => view), [one, two]);
  await assert.rejects(
    archive.checkpoint({
      volumes: [
        bench.freeze(one, [whole(1, 1)]),
        bench.freeze(one, [whole(2, 2)], 100),
      ],
    }),
    RangeError,
  );
  const found = await bench.read(archive, one, [1]);
  assert.equal(found[0]![0], 1);
  assert.equal((await bench.read(archive, two, [2]))[0]![0], 2);
  await archive.close();
});

Deno.test("a closed archive refuses and has let everything go", async () => {
  const bench = new Bench();
  const archive = await bench.open();
  await Promise.all([archive.close(), archive.close()]);
  assert.equal(bench.space.hold, null);
  assert.equal(bench.blocks.closed, true);
  await assert.rejects(archive.listSnapshots(), refusal("Closed", /closed/));
});
