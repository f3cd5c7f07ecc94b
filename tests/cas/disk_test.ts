/**
 * The simulated disk loses what a disk may lose and nothing else; the real one
 * does what the journal asks of it.
 */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { alignedBytes } from "../../cas/disk/direct_writer.ts";
import type { Disk } from "../../cas/disk/disk.ts";
import { DiskError } from "../../cas/disk/disk.ts";
import { openRealDisk } from "../../cas/disk/real_disk.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { seeded } from "./front/fixtures.ts";

const SEEDS: readonly number[] = Array.from({ length: 60 }, (_, at) => at + 1);

function contentOf(disk: Disk, name: string): Uint8Array {
  const file = disk.open(name);
  const bytes = new Uint8Array(file.size);
  file.read(bytes, 0);
  file.close();
  return bytes;
}

async function syncedFile(length: number): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ random: seeded(1) });
  const file = disk.create("a");
  file.write(new Uint8Array(length).fill(1), 0);
  await file.sync();
  await disk.syncDirectory();
  return disk;
}

Deno.test("what was synced survives power loss", async () => {
  const disk = await syncedFile(3000);
  for (const seed of SEEDS) {
    const after = disk.afterPowerLoss(seeded(seed));
    assert.deepEqual(contentOf(after, "a"), new Uint8Array(3000).fill(1));
  }
});

Deno.test("unsynced writes are lost, kept, torn at sectors and reordered", async () => {
  const disk = await syncedFile(2048);
  const file = disk.open("a");
  file.write(new Uint8Array(2048).fill(2), 0);
  file.write(new Uint8Array(2048).fill(3), 0);
  const found: Set<string> = new Set();
  for (const seed of SEEDS) {
    const bytes = contentOf(disk.afterPowerLoss(seeded(seed)), "a");
    const sectors: number[] = [];
    for (let at = 0; at < 2048; at += 512) {
      const sector = bytes.subarray(at, at + 512);
      assert.ok(sector.every((byte) => byte === sector[0]), "a torn sector");
      sectors.push(sector[0] as number);
    }
    found.add(sectors.join(""));
  }
  assert.ok(found.has("1111") && found.has("3333"), "all lost, all kept");
  assert.ok(found.has("2222"), "the later write lost behind the earlier");
  assert.ok([...found].some((one) => new Set(one).size > 1), "torn");
  assert.deepEqual(contentOf(disk, "a"), new Uint8Array(2048).fill(3));
});

Deno.test("a size may grow without its bytes", async () => {
  const disk = await syncedFile(512);
  disk.open("a").write(new Uint8Array(2048).fill(9), 512);
  const grown = SEEDS.some((seed) => {
    const bytes = contentOf(disk.afterPowerLoss(seeded(seed)), "a");
    return bytes.length > 512 && bytes.subarray(512).every((one) => one === 0);
  });
  assert.ok(grown);
});

Deno.test("names created, renamed and removed need a sync of the directory", async () => {
  const disk = await syncedFile(512);
  disk.create("b");
  disk.rename("a", "c");
  const listings = SEEDS.map((seed) =>
    disk.afterPowerLoss(seeded(seed)).list().sort().join("")
  );
  assert.deepEqual([...new Set(listings)].sort(), ["a", "ab", "bc", "c"]);
  await disk.syncDirectory();
  disk.remove("c");
  const later = SEEDS.map((seed) =>
    disk.afterPowerLoss(seeded(seed)).list().sort().join("")
  );
  assert.deepEqual([...new Set(later)].sort(), ["b", "bc"]);
});

Deno.test("after a failed sync the bytes are gone and the next sync proves nothing", async () => {
  let failing = false;
  const disk = new SimulatedDisk({
    random: () => 0.99,
    fault: (one) => failing && one.kind === "sync" ? "EIO" : undefined,
  });
  const file = disk.create("a");
  await disk.syncDirectory();
  file.write(new Uint8Array(512).fill(1), 0);
  failing = true;
  await assert.rejects(
    file.sync(),
    (error) => error instanceof DiskError && error.code === "EIO",
  );
  failing = false;
  await file.sync();
  assert.deepEqual(contentOf(disk.afterPowerLoss(() => 0), "a").length, 0);
});

Deno.test("a sync covers the writes before its call only", async () => {
  const disk = await syncedFile(512);
  const file = disk.open("a");
  const syncing = file.sync();
  file.write(new Uint8Array(512).fill(7), 0);
  await syncing;
  const after = disk.afterPowerLoss(() => 0);
  assert.deepEqual(contentOf(after, "a"), new Uint8Array(512).fill(1));
});

for (const way of ["writeDurably", "writeDurablySoon"] as const) {
  Deno.test(`a durable write covers its own bytes and no others (${way})`, async () => {
    const disk = await syncedFile(1024);
    const file = disk.open("a");
    file.write(new Uint8Array(512).fill(7), 0);
    await file[way](new Uint8Array(512).fill(8), 512);
    const after = contentOf(disk.afterPowerLoss(() => 0), "a");
    assert.deepEqual(after.subarray(0, 512), new Uint8Array(512).fill(1));
    assert.deepEqual(after.subarray(512), new Uint8Array(512).fill(8));
  });
}

Deno.test("a simulated file that grows in thousands of steps keeps its bytes, with zeros between", async () => {
  // A server without a state folder has its journal here: were each step a copy
  // of all before it, these would take minutes.
  const disk = new SimulatedDisk({ random: () => 0 });
  const file = disk.create("a");
  const stepCount = 2000;
  for (let step = 0; step < stepCount; step++) {
    file.write(new Uint8Array(512).fill(step % 255 + 1), step * 16_384);
    await file.sync();
  }
  const content = contentOf(disk.afterPowerLoss(() => 0), "a");
  assert.equal(content.length, (stepCount - 1) * 16_384 + 512);
  for (let step = 0; step < stepCount; step++) {
    const start = step * 16_384;
    const isWritten = (byte: number): boolean => byte === step % 255 + 1;
    assert.ok(content.subarray(start, start + 512).every(isWritten), `${step}`);
    const rest = content.subarray(start + 512, start + 16_384);
    assert.ok(rest.every((byte) => byte === 0), `behind ${step}`);
  }
});

Deno.test("durable writes of the system's files are read back, wherever they lie and from any memory", async () => {
  const path = mkdtempSync(join(tmpdir(), "deepshelf-disk-"));
  try {
    const file = openRealDisk(path).create("a");
    const expected = new Uint8Array(40_960);
    file.write(expected.subarray(0, 36_864), 0);
    const writes = [
      { position: 4096, bytes: alignedBytes(8192).fill(2) },
      { position: 4096, bytes: alignedBytes(8192).subarray(100, 4196).fill(3) },
      { position: 8000, bytes: alignedBytes(500).fill(4) },
      { position: 16_384, bytes: new Uint8Array(4096).fill(5) },
      { position: 36_864, bytes: alignedBytes(4096).fill(6) },
    ];
    for (const { position, bytes } of writes) {
      for (const way of ["writeDurably", "writeDurablySoon"] as const) {
        bytes[0]! += 100;
        await file[way](bytes, position);
        expected.set(bytes, position);
        const found = new Uint8Array(file.size);
        file.read(found, 0);
        assert.ok(found.every((byte, at) => byte === expected[at]), way);
      }
    }
    assert.equal(file.size, expected.length);
    file.close();
  } finally {
    rmSync(path, { recursive: true });
  }
});

Deno.test("a durable write on another thread goes on where it stopped, and is made in the ordinary way when it fails", async () => {
  const path = mkdtempSync(join(tmpdir(), "deepshelf-disk-"));
  try {
    const answers = [8192, 4096, 4096, 4096, -1];
    const asked: { position: number; length: number }[] = [];
    const disk = openRealDisk(path, {
      async writeElsewhere(descriptor, bytes, position): Promise<number> {
        asked.push({ position, length: bytes.length });
        await Promise.resolve();
        const count = answers.shift() ?? assert.fail("asked once too often");
        const some = Math.max(0, count);
        return some === 0
          ? count
          : writeSync(descriptor, bytes, 0, some, position);
      },
    });
    const file = disk.create("a");
    const bytes = alignedBytes(8192);
    // Whole; in two parts; one part and a failure; not this way any more.
    for (const position of [0, 8192, 16_384, 24_576]) {
      bytes.fill(1 + position / 8192);
      await file.writeDurablySoon(bytes, position);
    }
    assert.deepEqual(asked, [
      { position: 0, length: 8192 },
      { position: 8192, length: 8192 },
      { position: 12_288, length: 4096 },
      { position: 16_384, length: 8192 },
      { position: 20_480, length: 4096 },
    ]);
    const found = new Uint8Array(file.size);
    file.read(found, 0);
    assert.equal(found.length, 32_768);
    assert.ok(found.every((byte, at) => byte === 1 + Math.floor(at / 8192)));
    file.close();
  } finally {
    rmSync(path, { recursive: true });
  }
});

Deno.test("what cannot be written directly is not tried on another thread", async () => {
  const path = mkdtempSync(join(tmpdir(), "deepshelf-disk-"));
  try {
    const disk = openRealDisk(path, {
      writeElsewhere: () => assert.fail("tried"),
    });
    const file = disk.create("a");
    const bytes = alignedBytes(8192).fill(7);
    await file.writeDurablySoon(bytes.subarray(0, 4096), 512);
    await file.writeDurablySoon(bytes.subarray(0, 512), 0);
    const found = new Uint8Array(4608);
    assert.equal(file.read(found, 0), 4608);
    assert.ok(found.every((byte) => byte === 7));
    file.close();
  } finally {
    rmSync(path, { recursive: true });
  }
});

Deno.test("a directory of the system writes and reads at positions, renames, removes and syncs", async () => {
  const path = mkdtempSync(join(tmpdir(), "deepshelf-disk-"));
  try {
    const disk = openRealDisk(join(path, "state", "journal"));
    const file = disk.create("a");
    file.write(new Uint8Array(100).fill(1), 50);
    file.write(new Uint8Array(10).fill(2), 60);
    await file.sync();
    assert.equal(file.size, 150);
    const into = new Uint8Array(200);
    assert.equal(file.read(into, 55), 95);
    assert.deepEqual([...into.subarray(3, 17)], [
      1,
      1,
      ...Array(10).fill(2),
      1,
      1,
    ]);
    file.close();
    assert.throws(() => disk.create("a"), /EEXIST/);
    disk.rename("a", "b");
    await disk.syncDirectory();
    assert.deepEqual(disk.list(), ["b"]);
    assert.throws(
      () => disk.open("a"),
      (error) =>
        error instanceof DiskError && error.code === "ENOENT" &&
        error.message.includes(disk.location),
    );
    disk.remove("b");
    assert.deepEqual(disk.list(), []);
  } finally {
    rmSync(path, { recursive: true });
  }
});
