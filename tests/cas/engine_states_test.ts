import assert from "node:assert/strict";
import { copySpace } from "../blobstores/copy_space.ts";
import {
  assertHolds,
  Bench,
  EDGE_BLOCKS,
  GIB,
  makeDisk,
  Model,
  whole,
} from "./engine_bench.ts";
import { refusal } from "./refusal.ts";

Deno.test("a snapshot stays while its volume moves, across reopening, and is read-only", async () => {
  let bench = new Bench();
  let archive = await bench.open();
  const view = await makeDisk(archive);
  const model = new Model();
  const first = [whole(1, 1), whole(2, 2), { block: 3, mask: 5, value: 3 }];
  model.write(first);
  const { roots } = await bench.write(archive, view, first);
  const made = await archive.createSnapshot(view, "before");
  assert.equal(made.rootHash, roots[0]!.rootHash);
  await bench.write(archive, view, [whole(1, 7), whole(2, 0), whole(3, 7)]);
  const later = await archive.createSnapshot(view, "after");
  for (let round = 0; round < 2; round++) {
    const opened = await archive.openView({
      volume: "disk",
      snapshot: "before",
    });
    assert.equal(opened.readOnly, true);
    assert.equal(opened.snapshot, "before");
    const blocks = [0, 1, 2, 3];
    await assertHolds(bench, archive, { view: opened.view, model, blocks });
    await assert.rejects(
      bench.write(archive, opened.view, [whole(1, 1)]),
      refusal("ReadOnly", /past state/),
    );
    assert.deepEqual(await archive.listSnapshots(), [made, later]);
    assert.deepEqual(await archive.listSnapshots("disk"), [made, later]);
    await archive.close();
    bench = new Bench(bench.space);
    archive = await bench.open();
  }
  await assert.rejects(
    archive.createSnapshot(await makeDisk(archive), "before"),
    refusal("NameTaken", /"before"/),
  );
  await assert.rejects(
    archive.createSnapshot(await makeDisk(archive), "no/way"),
    refusal("BadName", /snapshot/),
  );
  await assert.rejects(
    archive.openView({ volume: "disk", snapshot: "none" }),
    refusal("NoSnapshot", /snapshot list/),
  );
  await archive.close();
});

Deno.test("a root hash and a copy of the blobs alone serve the state", async () => {
  const bench = new Bench();
  const archive = await bench.open();
  const created = await archive.openView({
    volume: "disk",
    createBlockCount: GIB,
  });
  const { view } = created;
  const model = new Model();
  const writes = EDGE_BLOCKS.map((block, index) => whole(block, index + 1));
  model.write(writes);
  const { roots } = await bench.write(archive, view, writes);
  await bench.write(archive, view, [whole(0, 99), whole(300, 98)]);
  await archive.close();
  for (const withRoots of [true, false]) {
    const copy = copySpace(bench.space);
    if (!withRoots) {
      for (const key of [...copy.blobs.keys()]) {
        if (key.startsWith("roots/") && !key.includes("0000000000000002")) {
          copy.blobs.delete(key);
        }
      }
    }
    const elsewhere = new Bench(copy);
    const other = await elsewhere.open({ access: "read", create: false });
    const opened = await other.openView({ root: roots[0]!.rootHash });
    assert.equal(opened.volume, "disk");
    assert.equal(opened.readOnly, true);
    assert.equal(opened.blockCount, GIB);
    await assertHolds(elsewhere, other, {
      view: opened.view,
      model,
      blocks: EDGE_BLOCKS,
    });
    const empty = await other.openView({ root: created.rootHash });
    assert.equal(empty.sequence, 0);
    await assert.rejects(
      other.openView({ root: "0".repeat(64) }),
      refusal("NoRoot", /snapshot list/),
    );
    await other.close();
    assert.deepEqual(
      [...copy.blobs.keys()].filter((key) => !bench.space.blobs.has(key)),
      [],
    );
  }
});

Deno.test("a fetch stands on the root that was the head when it began", async () => {
  const bench = new Bench();
  const archive = await bench.open({ pointerCacheBytesMax: 0 });
  const view = await makeDisk(archive);
  const blocks = Array.from({ length: 300 }, (_, index) => index);
  await bench.write(archive, view, blocks.map((block) => whole(block, 1)));
  let running = true;
  const fetches = (async (): Promise<number> => {
    let count = 0;
    for (; running; count++) {
      const slots = Uint32Array.from(blocks, (block) => 600 + block);
      const { sequence, states } = await archive.fetch({
        view,
        blocks: Float64Array.from(blocks),
        slots,
      });
      assert.ok(states.every((state) => state === 1));
      for (const slot of slots) {
        assert.equal(bench.pool.slot(slot)[77], sequence);
      }
      await bench.clock.yieldNow();
    }
    return count;
  })();
  for (let value = 2; value < 8; value++) {
    await bench.write(
      archive,
      view,
      blocks.map((block) => whole(block, value)),
    );
  }
  running = false;
  assert.ok(await fetches > 6);
  await archive.close();
});

Deno.test("reading needs no claim and writes nothing", async () => {
  const bench = new Bench();
  const server = await bench.open();
  const view = await makeDisk(server);
  await server.createSnapshot(view, "one");
  const keys = [...bench.space.blobs.keys()];
  const reader = await new Bench(bench.space).open({ access: "read" });
  assert.equal((await reader.listSnapshots("disk")).length, 1);
  const { view: head } = await reader.openView({ volume: "disk" });
  await assert.rejects(
    reader.createSnapshot(head, "two"),
    refusal("ReadOnly", /reading only/),
  );
  await assert.rejects(
    reader.openView({ volume: "new", createBlockCount: 1 }),
    refusal("ReadOnly", /reading only/),
  );
  await reader.close();
  assert.deepEqual([...bench.space.blobs.keys()], keys);
  await server.close();
});

Deno.test("a snapshot made offline needs the claim but no blocks", async () => {
  const bench = new Bench();
  const server = await bench.open();
  await makeDisk(server);
  await server.close();
  const offline = await new Bench(bench.space).open({
    access: "write",
    openBlocks: () => Promise.reject(new Error("not needed")),
  });
  const { view } = await offline.openView({ volume: "disk" });
  await offline.createSnapshot(view, "offline");
  assert.equal((await offline.listSnapshots()).length, 1);
  await offline.close();
});
