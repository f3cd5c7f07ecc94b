import assert from "node:assert/strict";
import type { OpenedArchive } from "../../cas/archive_operations.ts";
import { createPortableLz4 } from "../../cas/codec/lz4.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import type { ScrubMemory, ScrubState } from "../../cas/engine/scrub_memory.ts";
import { sampleSpans, shareOf } from "../../cas/engine/scrub_spans.ts";
import { DiskIndex } from "../../cas/index/disk_index.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import type { ScoreIndex } from "../../cas/index/score_index.ts";
import { openPacks } from "../../cas/packs/open_packs.ts";
import type { ScrubReport } from "../../cas/scrub_report.ts";
import { Bench, hasher, whole } from "./engine_bench.ts";

const ALL_BYTES: number = 2 ** 40;

/** Remembers as a file would: what was saved is copied. */
class Notes implements ScrubMemory {
  saved: string | undefined;

  load(): Promise<unknown> {
    const { saved } = this;
    return Promise.resolve(saved === undefined ? undefined : JSON.parse(saved));
  }

  save(state: ScrubState): Promise<void> {
    this.saved = JSON.stringify(state);
    return Promise.resolve();
  }
}

/** An index that outlives its archive, as one on disk does. */
class KeptIndex extends MemoryIndex {
  override close(): Promise<void> {
    return Promise.resolve();
  }
}

function openOver(
  bench: Bench,
  scrubs?: ScrubMemory,
  index: ScoreIndex = new MemoryIndex(),
): Promise<OpenedArchive> {
  return bench.open({
    openBlocks: () =>
      Promise.resolve(openPacks({
        store: bench.store,
        index,
        hasher,
        lz4: createPortableLz4(),
        onEvent: (event) => bench.events.push(event),
        sleep: () => bench.clock.yieldNow(),
        packBytesMax: 20_000,
      })),
    pointerCacheBytesMax: 0,
    ...(scrubs === undefined ? {} : { scrubs }),
  });
}

/** A disk of three states, the second of them a snapshot, and a clone of that. */
async function makeArchive(): Promise<Bench> {
  const bench = new Bench();
  const archive = await openOver(bench);
  const request = { volume: "disk", createBlockCount: 50_000 };
  const { view } = await archive.openView(request);
  const spread = Array.from({ length: 24 }, (_, at) => whole(at * 700, 1 + at));
  await bench.write(archive, view, spread);
  await archive.createSnapshot(view, "then");
  await bench.write(archive, view, [whole(1, 253), whole(40_000, 254)]);
  await archive.operate("clone", { source: { volume: "disk" }, volume: "b" });
  await archive.close();
  return new Bench(bench.space);
}

async function scrub(bench: Bench): Promise<ScrubReport> {
  const archive = await openOver(new Bench(bench.space));
  try {
    return await archive.operate("scrub", { byteCountMax: ALL_BYTES });
  } finally {
    await archive.close();
  }
}

Deno.test("a scrub reads every byte of a sound archive, and finds nothing", async () => {
  const bench = await makeArchive();
  // What the scrub's own opening puts in is there before it lists.
  const archive = await openOver(bench);
  const bytes = [...bench.space.blobs.values()]
    .reduce((sum, { length }) => sum + length, 0);
  const report = await archive.operate("scrub", { byteCountMax: ALL_BYTES });
  assert.deepEqual(report.faults, []);
  assert.deepEqual(report.touched, []);
  assert.equal(report.blobCount, bench.space.blobs.size);
  assert.equal(report.byteCount, bytes);
  assert.equal(report.progress, 1);
  assert.equal(typeof report.endedMs, "number");
  const { scrub } = await archive.operate("stats", {});
  assert.deepEqual(scrub, { last: report });
  await archive.close();
});

Deno.test("any flipped byte of any blob is found, and named by its key", async () => {
  const made = await makeArchive();
  for (const [key, body] of [...made.space.blobs]) {
    // Without a sound format the archive is not opened at all.
    if (key === "format") continue;
    const places = key.startsWith("packs/")
      ? [0, 9, 20, body.length - 90, body.length - 1]
      : [0, body.length - 2];
    for (const at of places) {
      body[at]! ^= 64;
      const bench = new Bench(made.space);
      const archive = await openOver(bench).catch((error: Error) => error);
      if (archive instanceof Error) throw archive;
      const report = await archive.operate("scrub", {
        byteCountMax: ALL_BYTES,
      });
      const keys = report.faults.map((fault) => fault.key);
      assert.ok(keys.includes(key), `byte ${at} of ${key}: ${keys}`);
      await archive.close();
      body[at]! ^= 64;
    }
  }
});

Deno.test("damage is told by pack, block, volume, state and sector", async () => {
  const bench = await makeArchive();
  const archive = await openOver(bench);
  const found = await archive.operate("diff", {
    from: { volume: "disk", snapshot: "then" },
    to: { volume: "disk" },
    countMax: 10,
  });
  assert.deepEqual(found.ranges.map(({ lba }) => lba), [8, 320_000]);
  await archive.close();
  // The block that value 254 filled lies in one pack, as the last data of its checkpoint.
  const data = new Uint8Array(4096).fill(254);
  // As much of its score as the pack's directory has.
  const score = hasher.hash(data).toHex().slice(0, 40);
  const place = [...bench.space.blobs].find(([key, body]) =>
    key.startsWith("packs/") && body.toHex().includes(score)
  );
  assert.ok(place !== undefined);
  const [key, body] = place;
  const entry = body.toHex().lastIndexOf(score) / 2;
  const view = new DataView(body.buffer, body.byteOffset);
  const offset = view.getUint32(entry + 20, true);
  body[offset + 1]! ^= 1;

  const report = await scrub(bench);
  assert.equal(report.faultCount, 1);
  const [fault] = report.faults;
  assert.equal(fault?.key, key);
  assert.equal(fault?.blockCount, 1);
  assert.deepEqual(fault?.blocks.map((it) => [it.score, it.offset, it.lost]), [
    [score, offset, true],
  ]);
  const told = report.touched?.map((it) => ({ ...it, volumeId: "" }));
  const rest = {
    volumeId: "",
    present: true,
    stateCount: 1,
    snapshots: [],
    sectors: [{ lba: 320_000, sectorCount: 8 }],
    sectorCount: 8,
  };
  assert.deepEqual(
    told?.sort((a, b) => a.volume < b.volume ? -1 : 1),
    [
      { ...rest, volume: "b", sequence: 0 },
      { ...rest, volume: "disk", sequence: 2 },
    ],
  );
});

Deno.test("missing packs and roots are found, though nothing is left of them to read", async () => {
  for (const pattern of [/^packs/, /^roots\/.*1$/]) {
    const bench = await makeArchive();
    const lost = [...bench.space.blobs.keys()].find((it) => pattern.test(it))!;
    bench.space.blobs.delete(lost);
    const { faults } = await scrub(bench);
    assert.deepEqual(faults.map(({ key }) => key), [lost]);
    assert.match(faults[0]!.reason, /missing/);
  }
});

/** Two disks, and the pack that alone has what was written to the first; the second's view. */
async function writeTwins(
  bench: Bench,
  archive: OpenedArchive,
): Promise<{ lost: string; twin: number }> {
  const request = { createBlockCount: 50_000 };
  const first = await archive.openView({ volume: "first", ...request });
  const second = await archive.openView({ volume: "second", ...request });
  const before = new Set(bench.space.blobs.keys());
  await bench.write(archive, first.view, [whole(1, 77)]);
  const lost = [...bench.space.blobs.keys()].find((key) =>
    key.startsWith("packs/") && !before.has(key)
  );
  return { lost: lost!, twin: second.view };
}

/** What the lost pack held is written once more: it is stored, and can be read. */
async function assertStoredAgain(
  bench: Bench,
  archive: OpenedArchive,
  view: number,
): Promise<void> {
  const { blocksNew } = await bench.write(archive, view, [whole(5, 77)]);
  assert.equal(blocksNew, 1, "it does not pass for stored");
  const [block] = await bench.read(archive, view, [5]);
  assert.equal(block?.[0], 77);
}

const INDEXES: readonly [string, () => ScoreIndex][] = [
  ["in memory", () => new MemoryIndex()],
  ["on disk", () =>
    DiskIndex.open({
      disk: new SimulatedDisk({ random: Math.random }),
      identity: "scrub",
      hash: (bytes) => hasher.hash(bytes),
      onEvent: () => {},
    })],
];

for (const [what, makeIndex] of INDEXES) {
  Deno.test(`what a missing pack held is stored again from its scrub on, with an index ${what}`, async () => {
    const bench = new Bench();
    const archive = await openOver(bench, undefined, makeIndex());
    const { lost, twin } = await writeTwins(bench, archive);
    bench.space.blobs.delete(lost);
    await archive.operate("scrub", { byteCountMax: 1 });
    await assertStoredAgain(bench, archive, twin);
    await archive.close();
  });
}

Deno.test("what is lost while a scrub is under way is stored again, too", async () => {
  const bench = new Bench();
  const archive = await openOver(bench);
  const { lost, twin } = await writeTwins(bench, archive);
  await archive.operate("scrub", { byteCountMax: 1 });
  bench.space.blobs.delete(lost);
  await archive.operate("scrub", { byteCountMax: ALL_BYTES });
  await assertStoredAgain(bench, archive, twin);
  await archive.close();
});

Deno.test("a server knows at its start what a scrub by another process has found missing", async () => {
  const bench = new Bench();
  const index = new KeptIndex();
  const notes = new Notes();
  const archive = await openOver(bench, notes, index);
  const { lost } = await writeTwins(bench, archive);
  await archive.close();
  bench.space.blobs.delete(lost);
  const other = await openOver(new Bench(bench.space), notes);
  await other.operate("scrub", { byteCountMax: ALL_BYTES });
  await other.close();
  const again = new Bench(bench.space);
  again.hints = bench.hints;
  const server = await openOver(again, notes, index);
  const { view } = await server.openView({ volume: "second" });
  await assertStoredAgain(again, server, view);
  await server.close();
});

Deno.test("a scrub goes on where it stood, also in another process, and reads no blob twice", async () => {
  const bench = await makeArchive();
  const notes = new Notes();
  let report: ScrubReport | undefined;
  let stepCount = 0;
  const read: string[] = [];
  while (report?.endedMs === undefined) {
    const opened = new Bench(bench.space);
    const archive = await openOver(opened, notes);
    await archive.operate("check", {});
    const get = opened.store.get.bind(opened.store);
    opened.store.get = (key, options) => {
      if (key.startsWith("packs/")) read.push(key);
      return get(key, options);
    };
    report = await archive.operate("scrub", { byteCountMax: 5000 });
    stepCount++;
    await archive.close();
  }
  assert.ok(stepCount > 3, `${stepCount} steps`);
  assert.equal(new Set(read).size, read.length);
  assert.equal(read.length, report.packCount);
  const packs = [...bench.space.blobs.keys()].filter((key) =>
    key.startsWith("packs/")
  );
  assert.equal(report.packCount, packs.length);
  assert.equal(report.faultCount, 0);
});

Deno.test("twenty samples of 5 % read every pack once", async () => {
  const bench = await makeArchive();
  const archive = await openOver(bench, new Notes());
  let packCount = 0;
  for (let sample = 0; sample < 20; sample++) {
    const report = await archive.operate("scrub", {
      byteCountMax: ALL_BYTES,
      samplePercent: 5,
    });
    assert.equal(report.blobCount, report.packCount);
    packCount += report.packCount;
  }
  const packs = [...bench.space.blobs.keys()].filter((key) =>
    key.startsWith("packs/")
  );
  assert.equal(packCount, packs.length);
  await archive.close();
});

Deno.test("a sample is as large as it was asked to be, also over the end of the names", () => {
  for (const from of [0, 0.3, 0.97, 0.999]) {
    const share = shareOf(sampleSpans(from, 0.05));
    assert.ok(Math.abs(share - 0.05) < 1e-6, `${from}: ${share}`);
  }
});
