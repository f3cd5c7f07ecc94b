/** An archive that is only read, beside the server that writes it. */

import assert from "node:assert/strict";
import { archiveErrorCode } from "../../cas/errors.ts";
import { assertHolds, Bench, Model, whole } from "./engine_bench.ts";

/** More than a reader believes without looking again. */
const LATER_MS = 2000;

Deno.test("a reader finds newer states, volumes and snapshots that the writer makes", async () => {
  const bench = new Bench();
  const writer = await bench.open();
  const request = { volume: "disk", createBlockCount: 1000 };
  const { view } = await writer.openView(request);
  const first = new Model();
  first.write([whole(0, 1), whole(999, 2)]);
  await bench.write(writer, view, [whole(0, 1), whole(999, 2)]);

  const reading = new Bench(bench.space);
  const reader = await reading.open({ access: "read" });
  const opened = await reader.openView({ volume: "disk" });
  assert.equal(opened.readOnly, true);
  const blocks = [0, 1, 999];
  await assertHolds(reading, reader, {
    view: opened.view,
    model: first,
    blocks,
  });
  reading.clock.timeMs += LATER_MS;
  assert.equal(await reader.newerView(opened.view), undefined);

  const second = new Model();
  second.write([whole(0, 3), whole(999, 2), whole(1, 4)]);
  await bench.write(writer, view, [whole(0, 3), whole(1, 4)]);
  await writer.createSnapshot(view, "later");
  await writer.openView({ volume: "another", createBlockCount: 8 });
  reading.clock.timeMs += LATER_MS;
  const newer = await reader.newerView(opened.view);
  assert.ok(newer !== undefined && newer.sequence > opened.sequence);
  await assertHolds(reading, reader, {
    view: newer.view,
    model: second,
    blocks,
  });
  // What was opened stays as it was, until it is closed.
  await assertHolds(reading, reader, {
    view: opened.view,
    model: first,
    blocks,
  });
  await reader.closeView(opened.view);
  await assert.rejects(reader.newerView(opened.view), /no view/);
  assert.equal(await reader.newerView(newer.view), undefined);

  // Who opens a disk gets its newest state, however new.
  await bench.write(writer, view, [whole(2, 5)]);
  const [written] = (await writer.operate("history", {
    volume: "disk",
    countMax: 1,
  })).entries;
  assert.equal(
    (await reader.openView({ volume: "disk" })).sequence,
    written?.sequence,
  );

  const snapshot = await reader.openView({ volume: "disk", snapshot: "later" });
  await assertHolds(reading, reader, {
    view: snapshot.view,
    model: second,
    blocks,
  });
  assert.equal((await reader.openView({ volume: "another" })).blockCount, 8);
  const names = (await reader.listSnapshots("disk")).map(({ name }) => name);
  assert.deepEqual(names, ["later"]);
  await reader.close();
  await writer.close();
});

Deno.test("a volume that was renamed is followed by its id", async () => {
  const bench = new Bench();
  const writer = await bench.open();
  await writer.openView({ volume: "other", createBlockCount: 8 });
  await writer.operate("volume create", { volume: "disk", blockCount: 8 });
  const reading = new Bench(bench.space);
  const reader = await reading.open({ access: "read" });
  const opened = await reader.openView({ volume: "disk" });
  await writer.operate("volume rename", { volume: "disk", name: "shelf" });
  reading.clock.timeMs += LATER_MS;
  const newer = await reader.newerView(opened.view);
  assert.equal(newer?.volume, "shelf");
  assert.equal(newer?.volumeId, opened.volumeId);
  await reader.close();
  await writer.close();
});

Deno.test("confirm() tells a writer that was taken over", async () => {
  const bench = new Bench();
  const first = await bench.open();
  await first.confirm();
  // Its hold went with a machine that was cut off.
  bench.space.hold = null;
  const second = await new Bench(bench.space).open();
  await assert.rejects(
    first.confirm(),
    (error) => archiveErrorCode(error) === "LostClaim",
  );
  assert.match((await first.lost).message, /taken over/);
  await second.confirm();
  await second.close();
  await first.close();
});

Deno.test("a reader tells how it is while its store is away", async () => {
  const bench = new Bench();
  const writer = await bench.open();
  await writer.openView({ volume: "disk", createBlockCount: 8 });
  const reading = new Bench(bench.space);
  const reader = await reading.open({ access: "read" });
  await reader.operate("index status", {});
  reading.clock.timeMs += LATER_MS;
  let asked = 0;
  // deno-lint-ignore require-yield -- an answer that never comes
  reading.store.list = async function* (): AsyncGenerator<never> {
    asked++;
    await new Promise(() => {});
  };
  await reader.operate("index status", {});
  await reader.operate("scrub status", {});
  assert.equal(asked, 0);
  await reader.close();
  await writer.close();
});
