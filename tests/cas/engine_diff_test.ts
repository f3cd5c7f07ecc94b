import assert from "node:assert/strict";
import fc from "fast-check";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import type {
  DifferentSectors,
  StateReference,
} from "../../cas/volume_states.ts";
import { Bench, Model, whole, type Write } from "./engine_bench.ts";

const BLOCKS = [0, 1, 2, 126, 127, 128, 129, 300, 16_383, 16_384, 40_000];

async function diff(
  archive: OpenedArchive,
  from: StateReference,
  to: StateReference,
  countMax = 1000,
): Promise<DifferentSectors[]> {
  const ranges: DifferentSectors[] = [];
  let page: { fromBlock?: number } = {};
  for (;;) {
    const found = await archive.operate("diff", {
      from,
      to,
      countMax,
      ...page,
    });
    assert.ok(found.ranges.length <= countMax);
    ranges.push(...found.ranges);
    if (found.nextBlock === undefined) return ranges;
    page = { fromBlock: found.nextBlock };
  }
}

/** What a diff of two models should be. */
function expected(left: Model, right: Model): DifferentSectors[] {
  const ranges: { lba: number; sectorCount: number }[] = [];
  for (const block of BLOCKS) {
    if (left.read(block)[0] === right.read(block)[0]) continue;
    const last = ranges.at(-1);
    if (last !== undefined && last.lba + last.sectorCount === block * 8) {
      last.sectorCount += 8;
    } else ranges.push({ lba: block * 8, sectorCount: 8 });
  }
  return ranges;
}

const side = fc.record({
  blockCount: fc.constantFrom(100, 128, 1000, 16_384, 50_000),
  writes: fc.uniqueArray(
    fc.record({
      block: fc.constantFrom(...BLOCKS),
      mask: fc.constant(0xff),
      value: fc.integer({ min: 0, max: 2 }),
    }),
    { minLength: 1, maxLength: BLOCKS.length, selector: ({ block }) => block },
  ),
});

Deno.test("a diff gives exactly the blocks that differ, whatever the sizes and the pages", async () => {
  await fc.assert(
    fc.asyncProperty(
      side,
      side,
      fc.constantFrom(1, 2, 1000),
      async (...given) => {
        const [left, right, countMax] = given;
        const bench = new Bench();
        const archive = await bench.open();
        const models = [];
        for (const [index, { blockCount, writes }] of [left, right].entries()) {
          const request = { volume: `v${index}`, createBlockCount: blockCount };
          const { view } = await archive.openView(request);
          const inside: Write[] = writes.filter(({ block }) =>
            block < blockCount
          );
          const model = new Model();
          model.write(inside);
          await bench.write(archive, view, inside);
          models.push(model);
        }
        const [a, b] = [{ volume: "v0" }, { volume: "v1" }];
        const wanted = expected(models[0]!, models[1]!);
        assert.deepEqual(await diff(archive, a, b, countMax), wanted);
        assert.deepEqual(await diff(archive, b, a, countMax), wanted);
        assert.deepEqual(await diff(archive, a, a, countMax), []);
        await archive.close();
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("a diff reads in proportion to the difference, not to the volumes", async () => {
  const bench = new Bench();
  const archive = await bench.open({ pointerCacheBytesMax: 0 });
  const request = { volume: "disk", createBlockCount: 3_000_000 };
  const { view } = await archive.openView(request);
  for (let first = 0; first < 3_000_000; first += 300_000) {
    const writes = Array.from(
      { length: 300 },
      (_, index) => whole(first + index * 997, 1 + index % 250),
    );
    await bench.write(archive, view, writes);
  }
  const { rootHash } = await archive.operate("state", {
    state: { volume: "disk" },
  });
  await bench.write(archive, view, [whole(2_000_000, 255)]);
  bench.blocks.reads.length = 0;
  const ranges = await diff(archive, { root: rootHash }, { volume: "disk" });
  assert.deepEqual(ranges, [{ lba: 16_000_000, sectorCount: 8 }]);
  const pointers = bench.blocks.reads.filter((key) => !key.startsWith("128:"));
  assert.ok(pointers.length <= 8, `${pointers.length} blocks were read`);
  await archive.close();
});

Deno.test("where damage hides whether states differ, a diff says so and goes on", async () => {
  const bench = new Bench();
  const archive = await bench.open({ pointerCacheBytesMax: 0 });
  const request = { volume: "disk", createBlockCount: 1000 };
  const { view } = await archive.openView(request);
  await bench.write(archive, view, [whole(1, 1), whole(130, 1), whole(300, 1)]);
  const { rootHash: root } = await archive.operate("state", {
    state: { volume: "disk" },
  });
  await bench.write(archive, view, [whole(1, 2), whole(130, 2), whole(300, 2)]);
  bench.blocks.reads.length = 0;
  await bench.read(archive, view, [130]);
  const leaf = bench.blocks.reads.findLast((key) => key.startsWith("1:"))!;
  bench.blocks.damaged.add(leaf);
  assert.deepEqual(await diff(archive, { root }, { volume: "disk" }), [
    { lba: 8, sectorCount: 8 },
    { lba: 1024, sectorCount: 1024, damaged: true },
    { lba: 2400, sectorCount: 8 },
  ]);
  assert.equal(bench.eventsOf("block-damaged").length, 1);
  await archive.close();
});
