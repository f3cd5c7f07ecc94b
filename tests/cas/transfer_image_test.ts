import assert from "node:assert/strict";
import fc from "fast-check";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import { equalBytes } from "../../cas/bytes.ts";
import { archiveErrorCode } from "../../cas/errors.ts";
import { depthFor } from "../../cas/engine/geometry.ts";
import { Pointers } from "../../cas/engine/pointers.ts";
import { updateTree } from "../../cas/engine/tree_update.ts";
import { estimateImage } from "../../cas/transfer/image_estimate.ts";
import { importImage } from "../../cas/transfer/image_import.ts";
import {
  exportState,
  type ImageSink,
} from "../../cas/transfer/state_export.ts";
import { TreeBuilder } from "../../cas/transfer/tree_builder.ts";
import { hasher, noise, openRig } from "./packs_rig.ts";
import { TestImage, TestSink, TransferRig } from "./transfer_rig.ts";

const nothing = (): void => {};

function noiseBlocks(
  numbers: readonly number[],
  seed = 0,
): Map<number, Uint8Array> {
  return new Map(numbers.map((number) => [number, noise(number + seed)]));
}

function range(start: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => start + index);
}

async function contentOf(
  rig: TransferRig,
  rootHash: string,
): Promise<TestSink> {
  const sink = new TestSink();
  await exportState(rootHash, sink, rig.context, nothing);
  return sink;
}

Deno.test("a tree built from ascending blocks is the one that updates make", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3_000_000 }),
      fc.uniqueArray(fc.double({ min: 0, max: 1, noNaN: true }), {
        maxLength: 40,
      }),
      async (blockCount, places) => {
        const numbers = [
          ...new Set(
            places.map((place) =>
              Math.min(blockCount - 1, Math.floor(place * blockCount))
            ),
          ),
        ].sort((left, right) => left - right);
        const scores = new Uint8Array(numbers.length * 32);
        numbers.forEach((number, index) =>
          scores.set(noise(number, 32), index * 32)
        );
        const stored: string[] = [];
        const builder = new TreeBuilder(
          blockCount,
          hasher,
          (level, score) => stored.push(`${level} ${score.toHex()}`),
        );
        numbers.forEach((number, index) =>
          builder.append(number, scores.subarray(index * 32, index * 32 + 32))
        );
        const { packs } = openRig();
        const updated = await updateTree(
          { root: new Uint8Array(32), depth: depthFor(blockCount), blockCount },
          { blocks: Float64Array.from(numbers), scores },
          {
            pointers: new Pointers(packs, 1024 * 1024),
            writer: packs.write(),
            hasher,
            yieldNow: () => Promise.resolve(),
          },
        );
        const root = builder.finish();
        assert.equal(root.toHex(), updated.root.toHex());
        const top = `${depthFor(blockCount)} ${root.toHex()}`;
        assert.equal(stored.at(-1), numbers.length === 0 ? undefined : top);
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("an image of 16 TiB with few blocks is imported and exported without its zeros", async () => {
  await using rig = await TransferRig.open();
  const last = 2 ** 32 - 1;
  const blocks = noiseBlocks([0, 1, 127, 128, 16_384, 5_000_000, last]);
  const image = new TestImage(2 ** 44, blocks);
  const result = await importImage(image, "disk", rig.context, nothing);
  assert.equal(result.blocksNew, blocks.size);
  assert.equal(result.blocksZero, 2 ** 32 - blocks.size);
  assert.ok(image.bytesRead < 64 * 2 ** 20, `${image.bytesRead} bytes read`);
  const sink = await contentOf(rig, result.state.rootHash);
  assert.equal(sink.byteCount, 2 ** 44);
  assert.deepEqual(sink.blocks, blocks);
});

Deno.test("an export to a sink that is slow gives it every block unchanged", async () => {
  await using rig = await TransferRig.open();
  // Two of each pointer block's, and groups enough to use memory again.
  const numbers = range(0, 80).flatMap((leaf) => [128 * leaf, 128 * leaf + 5]);
  const blocks = noiseBlocks(numbers);
  const image = new TestImage(128 * 80 * BLOCK_SIZE, blocks);
  const { state } = await importImage(image, "disk", rig.context, nothing);
  const sink = new TestSink();
  const slow: ImageSink = {
    async write(offset, bytes): Promise<void> {
      await new Promise((resolve) => setTimeout(resolve, 0));
      await sink.write(offset, bytes);
    },
    finish: (byteCount) => sink.finish(byteCount),
  };
  await exportState(state.rootHash, slow, rig.context, nothing);
  assert.equal(sink.blocks.size, blocks.size);
  for (const [number, block] of blocks) {
    const found = sink.blocks.get(number);
    assert.ok(found && equalBytes(found, block), `block ${number}`);
  }
});

Deno.test("an image whose holes nobody tells and whose end is odd comes back with zeros behind", async () => {
  await using rig = await TransferRig.open();
  const blocks = noiseBlocks([3, 2000, 2999]);
  const byteCount = 2999 * BLOCK_SIZE + 100;
  const image = new TestImage(byteCount, blocks, false);
  const { state } = await importImage(image, "disk", rig.context, nothing);
  assert.equal(state.blockCount, 3000);
  const sink = await contentOf(rig, state.rootHash);
  const end = new Uint8Array(BLOCK_SIZE);
  end.set(blocks.get(2999)!.subarray(0, 100));
  assert.deepEqual(sink.blocks, new Map([...blocks, [2999, end]]));
});

Deno.test("importing again stores nothing; over a volume it is its next state, zeros behind it", async () => {
  await using rig = await TransferRig.open();
  const large = new TestImage(
    3000 * BLOCK_SIZE,
    noiseBlocks([1, 2, 2000]),
  );
  const first = await importImage(large, "disk", rig.context, nothing);
  const packCount = rig.packs.length;
  const again = await importImage(large, "disk", rig.context, nothing);
  assert.deepEqual(again.state, first.state);
  assert.deepEqual([again.blocksNew, again.blocksDuplicate], [0, 3]);
  assert.equal(rig.packs.length, packCount);
  const small = new TestImage(10 * BLOCK_SIZE, noiseBlocks([1]));
  const over = await importImage(small, "disk", rig.context, nothing);
  assert.equal(over.state.sequence, 1);
  assert.equal(over.state.blockCount, 3000);
  const sink = await contentOf(rig, over.state.rootHash);
  assert.deepEqual([...sink.blocks.keys()], [1]);
  const old = await contentOf(rig, first.state.rootHash);
  assert.deepEqual(old.blocks, large.blocks);
  const checked = await rig.archive.operate("check", {});
  assert.deepEqual(checked.faults, []);
});

Deno.test("an import that ends in the middle changes no volume, and the next one stores only the rest", async () => {
  const blocks = noiseBlocks(range(0, 9000));
  const image = new TestImage(9000 * BLOCK_SIZE, blocks);
  const first = await TransferRig.open();
  image.failsFrom = 8000 * BLOCK_SIZE;
  await assert.rejects(
    importImage(image, "disk", first.context, nothing),
    /The test ends/,
  );
  assert.deepEqual(await first.archive.operate("volume list", {}), []);
  const packCount = first.packs.length;
  assert.ok(packCount >= 1, "nothing was stored");
  await first.archive.close();
  await using rig = await TransferRig.open(first.space);
  image.failsFrom = Infinity;
  const result = await importImage(image, "disk", rig.context, nothing);
  assert.equal(result.blocksNew + result.blocksDuplicate, 9000);
  assert.ok(result.blocksDuplicate >= packCount * 4000);
  const sink = await contentOf(rig, result.state.rootHash);
  assert.equal(sink.blocks.size, 9000);
});

Deno.test("what a long import stored in its first step counts in the next", async () => {
  await using rig = await TransferRig.open();
  const distinct = 66_000;
  const blocks = new Map(
    range(0, distinct + 2000).map((number) => {
      const block = new Uint8Array(BLOCK_SIZE);
      new DataView(block.buffer).setUint32(0, number % distinct + 1);
      return [number, block];
    }),
  );
  const image = new TestImage(blocks.size * BLOCK_SIZE, blocks, false);
  const result = await importImage(image, "disk", rig.context, nothing);
  assert.equal(result.blocksNew, distinct);
  assert.equal(result.blocksDuplicate, 2000);
  assert.equal(result.packCount, rig.packs.length - 1);
  const { faults } = await rig.archive.operate("check", {});
  assert.deepEqual(faults, []);
  const kept = new TestSink(blocks);
  const { rootHash } = result.state;
  const { blocksKept } = await exportState(
    rootHash,
    kept,
    rig.context,
    nothing,
  );
  assert.equal(blocksKept, blocks.size);
  assert.deepEqual(kept.blocks, blocks);
});

Deno.test("an import stores again what the index knows and the store has lost", async () => {
  await using rig = await TransferRig.open();
  const blocks = noiseBlocks(range(0, 40));
  const image = new TestImage(40 * BLOCK_SIZE, blocks);
  const before = new Map(rig.space.blobs);
  await importImage(image, "disk", rig.context, nothing);
  // The store is what it was, as after a backup was put back.
  for (const key of rig.packs) {
    if (!before.has(key)) rig.space.blobs.delete(key);
  }
  const { state, blocksNew } = await importImage(
    image,
    "other",
    rig.context,
    nothing,
  );
  assert.equal(blocksNew, 40);
  const found = await contentOf(rig, state.rootHash);
  assert.deepEqual(found.blocks, blocks);
});

Deno.test("a volume in use is refused before anything is read", async () => {
  await using rig = await TransferRig.open();
  await rig.archive.openView({ volume: "disk", createBlockCount: 100 });
  const image = new TestImage(BLOCK_SIZE, noiseBlocks([0]));
  await assert.rejects(
    importImage(image, "disk", rig.context, nothing),
    (error: Error) => {
      assert.equal(archiveErrorCode(error), "InUse");
      assert.match(error.message, /import into volume "disk".*in use/);
      return true;
    },
  );
  assert.equal(image.bytesRead, 0);
});

Deno.test("an estimate tells what the import then stores, and writes nothing", async () => {
  await using rig = await TransferRig.open();
  const known = new TestImage(100 * BLOCK_SIZE, noiseBlocks([1, 2]));
  await importImage(known, "disk", rig.context, nothing);
  const blobs = new Set(rig.space.blobs.keys());
  const half = noise(77);
  half.fill(0, BLOCK_SIZE / 2);
  const image = new TestImage(
    100 * BLOCK_SIZE,
    new Map([...noiseBlocks([1, 5, 6]), [7, noise(5)], [8, half]]),
  );
  const estimate = await estimateImage(image, rig.context, nothing);
  assert.equal(estimate.blocksStored, 1);
  assert.equal(estimate.blocksMissing, 4);
  assert.equal(estimate.blocksNew, 3);
  assert.equal(estimate.blocksZero, 95);
  assert.equal(estimate.estimated, false);
  assert.ok(estimate.storedBytes > 2.4 * BLOCK_SIZE);
  assert.ok(estimate.storedBytes < 2.6 * BLOCK_SIZE);
  assert.deepEqual(new Set(rig.space.blobs.keys()), blobs);
  const result = await importImage(image, "copy", rig.context, nothing);
  assert.equal(result.blocksNew, estimate.blocksNew);
});

Deno.test("an export stops at a damaged block, with its place and pack, and goes on when it is mended", async () => {
  await using rig = await TransferRig.open();
  const blocks = noiseBlocks(range(0, 3000));
  const image = new TestImage(3000 * BLOCK_SIZE, blocks);
  const { state } = await importImage(image, "disk", rig.context, nothing);
  const { blobs } = rig.space;
  const [key] = rig.packs.toSorted((left, right) =>
    blobs.get(right)!.length - blobs.get(left)!.length
  ) as [string];
  const sound = rig.space.blobs.get(key)!;
  const damaged = sound.slice();
  damaged[5_000_000]! ^= 1;
  rig.space.blobs.set(key, damaged);
  const partial = new TestSink();
  await assert.rejects(
    exportState(state.rootHash, partial, rig.context, nothing),
    (error: Error) => {
      assert.equal(archiveErrorCode(error), "Damaged");
      assert.match(error.message, /repair --from URL/);
      assert.match(error.message, /from byte \d+ on: block [0-9a-f]{64}/);
      assert.ok(error.message.includes(key.slice("packs/xx/".length)));
      return true;
    },
  );
  assert.equal(partial.byteCount, undefined);
  rig.space.blobs.set(key, sound);
  const rest = new TestSink(partial.blocks);
  const result = await exportState(state.rootHash, rest, rig.context, nothing);
  assert.equal(result.blocksKept, partial.blocks.size);
  assert.equal(result.blocksWritten + result.blocksKept, 3000);
  assert.deepEqual(rest.blocks, blocks);
});
