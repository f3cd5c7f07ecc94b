import assert from "node:assert/strict";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import type { StateDescription } from "../../cas/volume_states.ts";
import { assertHolds, Bench, Model, whole } from "./engine_bench.ts";
import { refused } from "./refusal.ts";

const BLOCKS = [0, 1, 99, 127, 128, 20_000];

async function names(archive: OpenedArchive, retired = false): Promise<string> {
  const volumes = await archive.operate("volume list", { retired });
  return volumes.map(({ volume }) => volume).join();
}

/** A volume with some writes, whose head is closed again by reopening. */
async function madeDisk(
  blockCount = 100,
): Promise<{ bench: Bench; archive: OpenedArchive; model: Model }> {
  const bench = new Bench();
  const model = new Model();
  const first = await bench.open();
  const request = { volume: "disk", createBlockCount: blockCount };
  const { view } = await first.openView(request);
  const writes = [whole(0, 1), whole(99, 2)];
  await bench.write(first, view, writes);
  model.write(writes);
  await first.close();
  const again = new Bench(bench.space);
  return { bench: again, archive: await again.open(), model };
}

Deno.test("a clone holds its source, stores nothing but a root, and goes its own way", async () => {
  const { bench, archive, model } = await madeDisk();
  const head = await archive.operate("state", { state: { volume: "disk" } });
  const blockCount = bench.blocks.known.size;
  const clone = await archive.operate("clone", {
    source: { volume: "disk" },
    volume: "copy",
  });
  assert.equal(bench.blocks.known.size, blockCount + 1);
  assert.equal(clone.parentHash, head.rootHash);
  assert.equal(clone.sequence, 0);
  assert.notEqual(clone.volumeId, head.volumeId);
  const copy = await archive.openView({ volume: "copy" });
  const changed = model.copy();
  changed.write([whole(99, 3)]);
  await bench.write(archive, copy.view, [whole(99, 3)]);
  const disk = await archive.openView({ volume: "disk" });
  const blocks = [0, 1, 99];
  await assertHolds(bench, archive, {
    view: copy.view,
    model: changed,
    blocks,
  });
  await assertHolds(bench, archive, { view: disk.view, model, blocks });
  for (const source of [{ volume: "disk" }, { root: head.rootHash }]) {
    await refused(
      archive.operate("clone", { source, volume: "copy" }),
      "NameTaken",
      /"copy".*another name/,
    );
  }
  await archive.close();
});

Deno.test("a volume grows also while it is open, through levels of its tree, and keeps its old states", async () => {
  const { bench, archive, model } = await madeDisk();
  const small = await archive.operate("state", { state: { volume: "disk" } });
  const { view } = await archive.openView({ volume: "disk" });
  const sizes = [101, 128, 129, 16_385, 3_000_000];
  for (const [index, blockCount] of sizes.entries()) {
    const grown = await archive.operate("volume grow", {
      volume: "disk",
      blockCount,
    });
    assert.equal(grown.blockCount, blockCount);
    assert.equal(grown.sequence, small.sequence + 1 + 2 * index);
    const writes = [whole(blockCount - 1, index + 5)];
    model.write(writes);
    await bench.write(archive, view, writes);
    const blocks = [...model.blocks.keys(), 1];
    await assertHolds(bench, archive, { view, model, blocks });
  }
  const old = await archive.openView({ root: small.rootHash });
  assert.equal(old.blockCount, 100);
  assert.equal((await bench.read(archive, old.view, [99]))[0]![0], 2);
  await refused(
    archive.operate("volume grow", { volume: "disk", blockCount: 100 }),
    "SizeMismatch",
    /never shrinks/,
  );
  await archive.close();
});

Deno.test("equal content in a grown volume and in one made so large gives equal tree roots", async () => {
  const { bench, archive } = await madeDisk();
  await archive.operate("volume grow", { volume: "disk", blockCount: 20_001 });
  const request = { volume: "large", createBlockCount: 20_001 };
  const { view } = await archive.openView(request);
  await bench.write(archive, view, [whole(0, 1), whole(99, 2)]);
  const { ranges } = await archive.operate("diff", {
    from: { volume: "disk" },
    to: { volume: "large" },
    countMax: 10,
  });
  assert.deepEqual(ranges, []);
  bench.blocks.reads.length = 0;
  await archive.operate("diff", {
    from: { volume: "disk" },
    to: { volume: "large" },
    countMax: 10,
  });
  assert.deepEqual(bench.blocks.reads, []);
  await archive.close();
});

Deno.test("a renamed volume is found by its new name, its snapshots too, also after reopening", async () => {
  const { bench, archive, model } = await madeDisk();
  const { view } = await archive.openView({ volume: "disk" });
  await archive.createSnapshot(view, "then");
  await refused(
    archive.operate("volume rename", { volume: "disk", name: "tape" }),
    "InUse",
    /stop the server/,
  );
  await archive.close();
  let again = new Bench(bench.space);
  let other = await again.open();
  await other.openView({ volume: "none", createBlockCount: 1 });
  await refused(
    other.operate("volume rename", { volume: "disk", name: "none" }),
    "NameTaken",
    /"none"/,
  );
  await refused(
    other.operate("volume rename", { volume: "disk", name: "A" }),
    "BadName",
    /a-z/,
  );
  await other.operate("volume rename", { volume: "disk", name: "tape" });
  for (let times = 0; times < 2; times++) {
    await refused(other.openView({ volume: "disk" }), "NoVolume", /"tape"/);
    const tape = await other.openView({ volume: "tape", snapshot: "then" });
    const blocks = [0, 1, 99];
    await assertHolds(again, other, { view: tape.view, model, blocks });
    const [snapshot] = await other.listSnapshots("tape");
    assert.equal(snapshot!.volume, "tape");
    await other.close();
    again = new Bench(bench.space);
    other = await again.open();
  }
  await other.close();
});

Deno.test("a retired volume is hidden, its name free, its states kept, and it comes back", async () => {
  const { bench: first, archive, model } = await madeDisk();
  const state = { volume: "disk" };
  const before = await archive.operate("state", { state });
  await archive.operate("snapshot create", { state, name: "then" });
  const retired = await archive.operate("volume retire", { volume: "disk" });
  assert.equal(retired.retired, true);
  await archive.close();

  const bench = new Bench(first.space);
  const other = await bench.open();
  assert.equal(await names(other), "");
  assert.equal(await names(other, true), "disk");
  assert.deepEqual(await other.listSnapshots(), []);
  await refused(other.openView({ volume: "disk" }), "NoVolume", /it has none/);
  const old = await other.openView({ root: before.rootHash });
  const blocks = [0, 1, 99];
  await assertHolds(bench, other, { view: old.view, model, blocks });
  await other.operate("volume create", { volume: "disk", blockCount: 5 });
  assert.equal(await names(other), "disk");
  const back = { volume: "disk" };
  await refused(
    other.operate("volume unretire", back),
    "NameTaken",
    /"disk"/,
  );
  await other.operate("volume retire", back);
  await refused(
    other.operate("volume unretire", back),
    "NoVolume",
    /2 retired.*by its id/,
  );
  await refused(
    other.operate("volume unretire", { volume: "none" }),
    "NoVolume",
    /--retired/,
  );
  const volume = before.volumeId;
  await other.operate("volume unretire", { volume, name: "saved" });
  const { view } = await other.openView({ volume: "saved" });
  await assertHolds(bench, other, { view, model, blocks });
  assert.equal((await other.listSnapshots())[0]!.volume, "saved");
  await other.close();
});

Deno.test("a restored volume holds the old state, and the present one stays in its history", async () => {
  const { bench: before, archive: first, model } = await madeDisk();
  const state = { volume: "disk" };
  const old = await first.operate("state", { state });
  await first.operate("volume grow", { volume: "disk", blockCount: 20_001 });
  const { view } = await first.openView({ volume: "disk" });
  const newer = model.copy();
  const writes = [whole(0, 9), whole(20_000, 8)];
  newer.write(writes);
  await before.write(first, view, writes);
  const present = await first.operate("state", { state });
  const restore = { volume: "disk", state: { root: old.rootHash } };
  for (const root of [old.rootHash, present.rootHash]) {
    await refused(
      first.operate("restore", { volume: "disk", state: { root } }),
      "InUse",
      /in use/,
    );
  }
  await first.close();

  const bench = new Bench(before.space);
  const archive = await bench.open();
  const restored = await archive.operate("restore", restore);
  assert.equal(restored.blockCount, 100);
  assert.equal(restored.parentHash, old.rootHash);
  assert.equal(restored.sequence, present.sequence + 1);
  const again = await archive.openView({ volume: "disk" });
  await assertHolds(bench, archive, { ...again, model, blocks: [0, 1, 99] });
  const kept = await archive.openView({ root: present.rootHash });
  await assertHolds(bench, archive, { ...kept, model: newer, blocks: BLOCKS });
  const other = await archive.operate("volume create", {
    volume: "other",
    blockCount: 1,
  });
  await refused(
    archive.operate("restore", { ...restore, state: { volume: "other" } }),
    "OtherVolume",
    new RegExp(`clone root:${other.rootHash}`),
  );
  await archive.close();
});

Deno.test("no volume changes in an archive that is only read", async () => {
  const { bench: before, archive } = await madeDisk();
  await archive.close();
  const bench = new Bench(before.space);
  const reader = await bench.open({ access: "read" });
  const blobCount = bench.space.blobs.size;
  const changes: Promise<StateDescription>[] = [
    reader.operate("volume create", { volume: "new", blockCount: 1 }),
    reader.operate("clone", { source: { volume: "disk" }, volume: "new" }),
    reader.operate("volume grow", { volume: "disk", blockCount: 1000 }),
    reader.operate("volume rename", { volume: "disk", name: "new" }),
    reader.operate("volume retire", { volume: "disk" }),
  ];
  for (const change of changes) await refused(change, "ReadOnly", /reading/);
  assert.equal(bench.space.blobs.size, blobCount);
  await reader.close();
});
