/** Packs of the first version are read for ever, beside those of the second. */

import assert from "node:assert/strict";
import type { MemorySpace } from "../../blobstores/memory_store.ts";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import { createPortableLz4 } from "../../cas/codec/lz4.ts";
import { inspectBlock } from "../../cas/inspect/block.ts";
import { inspectFile } from "../../cas/inspect/inspect.ts";
import { BlockVerifier } from "../../cas/packs/block_verifier.ts";
import { splicePack } from "../../cas/packs/pack_splice.ts";
import { assertSame } from "../assert_same.ts";
import { firstContent } from "../format/first_content.ts";
import { firstPacks } from "../format/first_packs.ts";
import { IndependentReader } from "../format/independent_reader.ts";
import { Bench, hasher, whole } from "./engine_bench.ts";
import { openOver } from "./engine_copies_rig.ts";
import { openRig, PliableStore, readBlocks, writeBlocks } from "./packs_rig.ts";

const lz4 = createPortableLz4();
/** All that was written, and some around it. */
const BLOCKS: readonly number[] = Array.from(
  { length: 24 },
  (_, i) => i < 16 ? i : 490 + i,
);

/** The packs of a store, by what they begin with. */
function packsOf(
  { blobs }: MemorySpace,
  start: string,
): [string, Uint8Array][] {
  return [...blobs].filter(([key, bytes]) =>
    key.startsWith("packs/") && text(bytes).startsWith(start)
  );
}

function text(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 8));
}

async function assertVolume(
  bench: Bench,
  archive: OpenedArchive,
  expected: Uint8Array,
  snapshot?: string,
): Promise<number> {
  const { view } = await archive.openView({
    volume: "disk",
    ...(snapshot === undefined ? {} : { snapshot }),
  });
  const found = await bench.read(archive, view, BLOCKS);
  BLOCKS.forEach((block, place) => {
    const bytes = expected.subarray(block * 4096, (block + 1) * 4096);
    assert.ok(found[place] !== null, `block ${block} is damaged`);
    assertSame(found[place]!, bytes, `block ${block}`);
  });
  return view;
}

Deno.test("an archive of the first packs is served, and found sound", async () => {
  const space = firstPacks();
  assert.equal(packsOf(space, "DSPACK1\n").length, 3);
  const bench = new Bench(space);
  const archive = await openOver(bench);
  await assertVolume(bench, archive, firstContent(3));
  await assertVolume(bench, archive, firstContent(2), "first");
  assert.deepEqual((await archive.operate("check", {})).faults, []);
  const report = await archive.operate("scrub", { byteCountMax: 2 ** 40 });
  assert.equal(report.faultCount, 0);
  assert.ok(report.blockCount >= 17);
  await archive.close();
});

Deno.test("what the first packs hold is stored no more, and new packs stand beside them", async () => {
  const bench = new Bench(firstPacks());
  const archive = await openOver(bench);
  const content = firstContent(3);
  const view = await assertVolume(bench, archive, content);
  const before = bench.space.blobs.size;
  // Block 12 becomes what block 1 is, and block 13 what was never there.
  const frozen = bench.freeze(view, [whole(12, 0), whole(13, 77)]);
  bench.pool.slot(frozen.slots[0]!).set(content.subarray(4096, 8192));
  const result = await archive.checkpoint({ volumes: [frozen] });
  assert.deepEqual([result.blocksNew, result.blocksDuplicate], [1, 1]);
  content.copyWithin(12 * 4096, 4096, 8192);
  content.fill(77, 13 * 4096, 14 * 4096);
  for (let value = 1; value < 4; value++) {
    await bench.write(archive, view, [whole(503, value)]);
    content.fill(value, 503 * 4096, 504 * 4096);
  }
  await archive.operate("rebuild", {});
  await assertVolume(bench, archive, content);
  await archive.close();
  assert.ok(bench.space.blobs.size > before);
  assert.equal(packsOf(bench.space, "DSPACK1\n").length, 3);
  assert.ok(packsOf(bench.space, "DSPACK2\n").length >= 4);
  await assertIndependent(bench.space, content);
  // A machine that knows nothing, and copies that tell of packs of both kinds.
  const other = new Bench(bench.space);
  const reading = await openOver(other, "read");
  await assertVolume(other, reading, content);
  await assertVolume(other, reading, firstContent(2), "first");
  assert.deepEqual((await reading.operate("check", {})).faults, []);
  await reading.close();
});

/** The reader that knows docs/format.md alone finds the same, and every copy of the index right. */
async function assertIndependent(
  space: MemorySpace,
  content: Uint8Array,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-first-packs-" });
  try {
    for (const [key, body] of space.blobs) {
      const path = `${folder}/${key}`;
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), {
        recursive: true,
      });
      await Deno.writeFile(path, body);
    }
    const reader = new IndependentReader(folder);
    assertSame(reader.restoreVolume("disk"), content);
    assertSame(reader.restoreSnapshot("disk", "first"), firstContent(2));
    assert.ok(reader.checkIndexCopies() > 3);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a damaged byte of a first pack costs at most the block it is in", async () => {
  const scores = new Uint8Array(12 * 32);
  const content = firstContent(1);
  for (let i = 0; i < 12; i++) {
    hasher.score(0, content.subarray(i * 4096, (i + 1) * 4096), scores, i * 32);
  }
  const store = new PliableStore(firstPacks());
  const [, pack] = packsOf(store.space, "DSPACK1\n").toSorted((a, b) =>
    b[1].length - a[1].length
  )[0]!;
  const view = new DataView(pack.buffer);
  const directory = view.getUint32(pack.length - 48, true);
  const positions = [0, 6, 9, 16, directory - 1];
  for (let at = directory; at < pack.length; at += 7) positions.push(at);
  // Its head may be damaged as well, and even look like that of another version.
  for (const version of "12?") {
    pack[6] = version.charCodeAt(0);
    for (const at of positions) {
      pack[at]! ^= 0x40;
      const { packs, events } = openRig({ store });
      await packs.rebuild();
      let lostCount = 0;
      await packs.read(0, scores, (index, block) => {
        const start = index * 4096;
        if (block === undefined) lostCount++;
        else assertSame(block, content.subarray(start, start + 4096));
      });
      assert.ok(lostCount <= 1, `${lostCount} are lost with byte ${at}`);
      const salvaged = events.some(({ event }) => event === "pack-salvaged");
      assert.equal(salvaged, at >= directory, `byte ${at}`);
      pack[at]! ^= 0x40;
    }
  }
});

Deno.test("a pack of either version that is cut off, or ends as the other one, serves what is left", async () => {
  const content = firstContent(1);
  const blocks = Array.from({ length: 12 }, (_, i) => ({
    kind: 0,
    bytes: content.subarray(i * 4096, (i + 1) * 4096),
  }));
  const { packs, store: written } = openRig();
  await writeBlocks(packs, blocks);
  const spaces = { 1: firstPacks(), 2: written.space };
  for (const [version, space] of Object.entries(spaces)) {
    const [key, whole] = packsOf(space, `DSPACK${version}\n`)
      .toSorted((a, b) => b[1].length - a[1].length)[0]!;
    for (const head of "12") {
      for (
        const end of ["cut 1", "cut 47", "cut 48", "cut 50", "1", "2", "3"]
      ) {
        const cut = end.startsWith("cut ") ? Number(end.slice(4)) : undefined;
        const pack = whole.slice(0, cut === undefined ? whole.length : -cut);
        pack[6] = head.charCodeAt(0);
        if (cut === undefined) pack[pack.length - 1] = end.charCodeAt(0);
        const store = new PliableStore();
        store.space.blobs.set(key, pack);
        const rig = openRig({ store });
        await rig.packs.rebuild();
        const wrong = `version ${version}, ${head}, ${end}`;
        assert.equal(rig.events.length, end === version ? 0 : 1, wrong);
        // The last of all blocks is that of the entry that is cut.
        const found = await readBlocks(rig.packs, blocks);
        const served = found.filter((it) => it instanceof Uint8Array);
        assert.ok(served.length >= (cut === 50 ? 11 : 12), wrong);
        found.forEach((it, i) => {
          if (it instanceof Uint8Array) assertSame(it, blocks[i]!.bytes, wrong);
        });
        const verdict = await rig.packs.verifyPack(
          key.slice(key.lastIndexOf("/") + 1),
          () => Promise.resolve(),
        );
        const isWhole = head === version && end === version;
        assert.equal(verdict.fault === undefined, isWhole, wrong);
      }
    }
  }
});

Deno.test("two first packs that are damaged in different blocks make a whole one", () => {
  const [[key, whole]] = packsOf(firstPacks(), "DSPACK1\n") as [
    [string, Uint8Array],
  ];
  const directory = new DataView(whole.buffer).getUint32(
    whole.length - 48,
    true,
  );
  const copies = [18, directory - 2].map((at) => {
    const copy = whole.slice();
    copy[at]! ^= 1;
    return copy;
  });
  const verifier = new BlockVerifier(hasher, lz4);
  const name = key.slice(key.lastIndexOf("/") + 1);
  const spliced = splicePack(name, copies, { hasher, verifier });
  assertSame(spliced!, whole);
});

Deno.test("inspect tells whole scores of both kinds of packs, and takes 40 digits", async () => {
  const options = { hasher, lz4 };
  const { packs, store } = openRig();
  const writer = packs.write();
  const block = firstContent(1).subarray(4096, 8192);
  const score = new Uint8Array(32);
  hasher.score(0, block, score);
  await writer.add(0, score, block);
  await writer.finish();
  const both = [
    ...packsOf(firstPacks(), "DSPACK1\n"),
    ...packsOf(store.space, "DSPACK2\n"),
  ];
  const whole = score.toHex();
  let foundCount = 0;
  for (const [, bytes] of both) {
    const { faults, entries } = await inspectFile(bytes, options);
    assert.deepEqual(faults, []);
    // The head of the other version, and none at all.
    for (const digit of [bytes[6] === 49 ? 50 : 49, 63]) {
      const damaged = bytes.slice();
      damaged[6] = digit;
      const { kind, faults } = await inspectFile(damaged, options);
      assert.equal(kind, "pack");
      assert.deepEqual(faults, [
        "it does not begin as a pack does that ends like it",
      ]);
    }
    if (!entries.some((entry) => entry.score === whole)) continue;
    foundCount++;
    for (const asked of [whole, whole.slice(0, 40)]) {
      const shown = inspectBlock(bytes, asked, options)!;
      assert.equal(shown.fields.score, whole);
      assert.deepEqual(shown.faults, []);
    }
    assert.equal(inspectBlock(bytes, whole.slice(0, 39), options), undefined);
    const twin = whole.slice(0, 40) + "0".repeat(24);
    const shown = inspectBlock(bytes, twin, options)!;
    assert.deepEqual(shown.faults, [`its score is ${whole}`]);
  }
  assert.equal(foundCount, 2);
});
