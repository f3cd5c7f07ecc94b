/** An archive keeps copies of its index in its store, and no more relies on them than it must. */

import assert from "node:assert/strict";
import { BlobError } from "../../blobstores/blob_store.ts";
import { createPortableLz4 } from "../../cas/codec/lz4.ts";
import { inspectFile } from "../../cas/inspect/inspect.ts";
import { IndependentReader } from "../format/independent_reader.ts";
import { Bench, hasher, whole } from "./engine_bench.ts";
import {
  copiesOf,
  COPY_PACK_COUNT,
  makeArchive,
  openOver,
} from "./engine_copies_rig.ts";
import { PliableStore } from "./packs_rig.ts";

const lz4 = createPortableLz4();

Deno.test("checkpoints leave copies of the index, which say what the packs hold", async () => {
  const bench = await makeArchive();
  assert.equal(copiesOf(bench).length, 2);
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-copies-" });
  try {
    for (const [key, body] of bench.space.blobs) {
      const path = `${folder}/${key}`;
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), {
        recursive: true,
      });
      await Deno.writeFile(path, body);
    }
    const reader = new IndependentReader(folder);
    assert.equal(reader.checkIndexCopies(), 2 * COPY_PACK_COUNT);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a machine without an index reads copies, whether it writes or only reads", async () => {
  for (const access of ["serve", "read"] as const) {
    const { space } = await makeArchive();
    const store = new PliableStore(space);
    const bench = new Bench(space, store);
    const gets: string[] = [];
    store.before = (operation, key) => {
      if (operation === "get") gets.push(key.slice(0, key.indexOf("/")));
    };
    const archive = await openOver(bench, access);
    await archive.operate("index status", {});
    assert.equal(gets.filter((key) => key === "index").length, 2);
    assert.ok(!gets.includes("packs"));
    gets.length = 0;
    await archive.operate("rebuild", {});
    const packs = [...space.blobs.keys()].filter((it) => it.startsWith("packs"))
      .length;
    assert.equal(gets.filter((key) => key === "packs").length, packs);
    assert.ok(!gets.includes("index"));
    await archive.close();
  }
});

Deno.test("a check relies on no copy", async () => {
  const bench = await makeArchive();
  const [key] = copiesOf(bench) as [string];
  const bytes = bench.space.blobs.get(key)!.slice();
  bytes[bytes.length - 22]! ^= 1;
  bench.space.blobs.delete(key);
  bench.space.blobs.set(`index/${hasher.hash(bytes).toHex()}`, bytes);
  const archive = await openOver(bench);
  const { faults } = await archive.operate("check", {});
  assert.deepEqual(faults, []);
  await archive.close();
});

Deno.test("a scrub tells of a damaged copy, and not as of damage", async () => {
  const bench = await makeArchive();
  const [key] = copiesOf(bench) as [string];
  bench.space.blobs.get(key)!.fill(0, 0, 1);
  const archive = await openOver(bench);
  const report = await archive.operate("scrub", { byteCountMax: 2 ** 40 });
  assert.equal(report.faultCount, 0);
  assert.deepEqual(report.uselessCopies?.map((it) => it.key), [key]);
  const told = bench.events.find((it) => it.event === "scrub-useless-copy");
  assert.equal(told?.severity, "strange");
  await archive.close();
});

Deno.test("a copy that cannot be stored keeps no checkpoint and no close waiting", async () => {
  const { space } = await makeArchive();
  const store = new PliableStore(space);
  const bench = new Bench(space, store);
  let refused = 0;
  store.before = (operation, key) => {
    if (operation !== "put" || !key.startsWith("index/")) return;
    refused++;
    throw new BlobError("no answer", { code: "Unavailable", retryable: true });
  };
  const archive = await openOver(bench);
  const { view } = await archive.openView({ volume: "disk" });
  for (let at = 20; at < 30; at++) {
    await bench.write(archive, view, [whole(at * 700, at)]);
  }
  while (refused === 0) await bench.clock.yieldNow();
  await archive.close();
  assert.equal(copiesOf(bench).length, 2);
});

Deno.test("inspect tells what a copy covers, and that it is damaged", async () => {
  const bench = await makeArchive();
  const bytes = bench.space.blobs.get(copiesOf(bench)[0]!)!;
  const inspection = await inspectFile(bytes, { hasher, lz4 });
  assert.equal(inspection.kind, "index copy");
  assert.deepEqual(inspection.faults, []);
  assert.equal(inspection.fields.packs, COPY_PACK_COUNT);
  assert.equal(inspection.entries.length, COPY_PACK_COUNT);
  const damaged = bytes.with(30, bytes[30]! ^ 1);
  const { faults } = await inspectFile(damaged, { hasher, lz4 });
  assert.equal(faults.length, 1);
});
