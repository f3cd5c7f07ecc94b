/**
 * Disks over the archive, against an array of bytes.
 */

import assert from "node:assert/strict";
import type { BlockDevice } from "../../aoe/block_device.ts";
import { ArchiveError } from "../../cas/errors.ts";
import { DamagedBlockError } from "../../cas/front/fetcher.ts";
import type { Volume } from "../../cas/front/volume.ts";
import { assertSame } from "../assert_same.ts";
import {
  openRig,
  pick,
  quiet,
  type Rig,
  seeded,
  stamped,
} from "./front/fixtures.ts";

const BLOCK_COUNT = 96;

function open(rig: Rig, blockCount: number = BLOCK_COUNT): Promise<Volume> {
  const createBlockCount = blockCount;
  return rig.front.openVolume({ volume: "disk", createBlockCount });
}

/** A promise of which a test decides when it resolves. */
function gate(): { readonly passed: Promise<void>; open(): void } {
  let open: () => void = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}

Deno.test("a volume is a block device of the AoE target", async () => {
  const rig = await openRig();
  const volume: BlockDevice = await open(rig);
  assert.equal(volume.sectorCount, BLOCK_COUNT * 8);
  assert.equal(volume.readOnly, false);
  assert.equal(volume.identity.model, "Deepshelf");
  assert.ok(volume.identity.serial.length <= 20);
  await rig.front.snapshot("disk", "one");
  const request = { volume: "disk", snapshot: "one" };
  const snapshot: BlockDevice = await rig.front.openVolume(request);
  assert.equal(snapshot.readOnly, true);
  assert.notEqual(snapshot.identity.serial, volume.identity.serial);
  await rig.front.close();
});

interface Walk {
  readonly rig: Rig;
  readonly volume: Volume;
  readonly model: Uint8Array;
  readonly random: () => number;
  readonly background: Promise<unknown>[];
  writes: number;
}

async function step(walk: Walk): Promise<void> {
  const { rig, volume, model, random } = walk;
  const count = 1 + pick(random, random() < 0.2 ? 150 : 10);
  const lba = pick(random, volume.sectorCount - count);
  const range = { lba, sectorCount: count };
  const luck = random();
  if (luck < 0.45) {
    // Sectors of all kinds: a byte of each says which write it was.
    const bytes = new Uint8Array(count * 512).fill(1 + pick(random, 255));
    if (volume.write(range, bytes, 0) > 0) {
      model.set(bytes, lba * 512);
      walk.writes++;
    } else {
      await rig.clock.advance(60);
    }
  } else if (luck < 0.6) {
    const into = new Uint8Array(count * 512 + 7).fill(0xa5);
    if (!volume.readNow(range, into, 7)) return;
    assertSame(into.subarray(7), slice(model, range));
  } else if (luck < 0.9) {
    walk.background.push(readAndCompare(walk, range));
  } else if (luck < 0.95) {
    walk.background.push(rig.front.checkpoint());
  } else {
    await rig.clock.advance(60);
  }
}

function slice(
  model: Uint8Array,
  range: { lba: number; sectorCount: number },
): Uint8Array {
  return model.slice(range.lba * 512, (range.lba + range.sectorCount) * 512);
}

/** Each sector must be as it was at the call, or as a later write left it. */
async function readAndCompare(
  walk: Walk,
  range: { lba: number; sectorCount: number },
): Promise<void> {
  const { volume, model } = walk;
  const before = slice(model, range);
  const writesBefore = walk.writes;
  const into = new Uint8Array(range.sectorCount * 512 + 3);
  await volume.read(range, into, 3);
  if (walk.writes === writesBefore) {
    assertSame(into.subarray(3), before);
    return;
  }
  const after = slice(model, range);
  for (let sector = 0; sector < range.sectorCount; sector++) {
    const at = sector * 512;
    if (before[at] !== after[at]) continue;
    assert.equal(into[3 + at], after[at], `sector ${range.lba + sector}`);
  }
}

for (let seed = 1; seed <= 6; seed++) {
  Deno.test(`reads, writes, checkpoints and delayed fetches agree with an array (seed ${seed})`, async () => {
    const random = seeded(seed);
    const rig = await openRig({
      slots: seed % 2 === 0 ? 48 : 160,
      budget: { checkpointBytes: 80 * 4096 },
      port: {
        async pause(): Promise<void> {
          for (let turn = pick(random, 4); turn > 0; turn--) await quiet();
        },
      },
    });
    const volume = await open(rig);
    const model = new Uint8Array(volume.sectorCount * 512);
    const background: Promise<unknown>[] = [];
    const walk: Walk = { rig, volume, model, random, background, writes: 0 };
    for (let count = 0; count < 400; count++) {
      await step(walk);
      if (random() < 0.3) await quiet();
    }
    for (let turn = 0; turn < 30; turn++) await rig.clock.advance(60);
    await Promise.all(background);
    const all = { lba: 0, sectorCount: volume.sectorCount };
    const into = new Uint8Array(model.length);
    await volume.read(all, into, 0);
    assertSame(into, model);
    await rig.front.close();
    assert.ok(rig.port.checkpointCount > 2);
    const { blocks } = rig.archive.newest("disk");
    for (let block = 0; block < BLOCK_COUNT; block++) {
      const bytes = blocks.get(block) ?? new Uint8Array(4096);
      const range = { lba: block * 8, sectorCount: 8 };
      assertSame(bytes, slice(model, range), `block ${block}`);
    }
  });
}

/** A disk whose first blocks are archived, in a front that has cached nothing. */
async function archivedRig(
  options: Parameters<typeof openRig>[0] = {},
): Promise<{ readonly rig: Rig; readonly volume: Volume }> {
  const budget = { batchBytesMax: 1024 * 1024 };
  const before = await openRig({ slots: 256, budget });
  const volume = await open(before, 1000);
  for (let block = 0; block < 200; block++) {
    const range = { lba: block * 8, sectorCount: 8 };
    assert.ok(volume.write(range, stamped(block + 1, 8), 0) > 0);
  }
  await before.front.close();
  const rig = await openRig({ archive: before.archive, ...options });
  return { rig, volume: await open(rig, 1000) };
}

Deno.test("a fetch resolved under a root older than the installed one is made again", async () => {
  const late = gate();
  let held = false;
  const { rig, volume } = await archivedRig({
    port: {
      pause(where: string): Promise<void> {
        if (where !== "fetch" || held) return Promise.resolve();
        held = true;
        return late.passed;
      },
    },
  });
  const into = new Uint8Array(4096);
  const reading = volume.read({ lba: 0, sectorCount: 8 }, into, 0);
  await quiet();
  // Part of the block only, so that nothing of it is in the cache afterwards.
  volume.write({ lba: 0, sectorCount: 4 }, stamped(77, 4), 0);
  await rig.front.checkpoint();
  assert.equal(rig.front.usage.overlaySlots, 0);
  late.open();
  await reading;
  assert.equal(rig.port.fetchCount, 2);
  assertSame(into.subarray(0, 2048), stamped(77, 4));
  assertSame(into.subarray(2048), stamped(1, 4));
  await rig.front.close();
});

Deno.test("a block is fetched once however many wait for it, and a range in one request", async () => {
  const late = gate();
  const { rig, volume } = await archivedRig({
    port: { pause: (where) => where === "fetch" ? late.passed : quiet() },
  });
  const buffers = [1, 2, 3].map(() => new Uint8Array(4 * 4096));
  const range = { lba: 80, sectorCount: 32 };
  const reads = buffers.map((into) => volume.read(range, into, 0));
  late.open();
  await Promise.all(reads);
  assert.deepEqual(rig.port.fetchedBlocks, [10, 11, 12, 13]);
  assert.equal(rig.port.fetchCount, 1);
  const [first] = buffers as [Uint8Array];
  for (const into of buffers) assertSame(into, first);
  assertSame(first.subarray(4096, 8192), stamped(12, 8));
  assert.ok(volume.readNow(range, first, 0));
  await rig.front.close();
});

Deno.test("sequential reading is fetched ahead, in ever larger requests", async () => {
  const { rig, volume } = await archivedRig({ slots: 1024 });
  let misses = 0;
  for (let block = 0; block < 200; block++) {
    // Two sectors at a time, as at the smallest MTU.
    for (let quarter = 0; quarter < 4; quarter++) {
      const range = { lba: block * 8 + 2 * quarter, sectorCount: 2 };
      const into = new Uint8Array(1024);
      if (!volume.readNow(range, into, 0)) {
        misses++;
        await volume.read(range, into, 0);
      }
      assertSame(into, stamped(block + 1, 2));
    }
    await quiet();
  }
  assert.ok(misses <= 3, `${misses} misses`);
  assert.ok(rig.port.fetchCount <= 10, `${rig.port.fetchCount} fetches`);
  const { length } = rig.port.fetchedBlocks;
  assert.equal(new Set(rig.port.fetchedBlocks).size, length);
  await rig.front.close();
});

Deno.test("random reading fetches nothing that was not asked for", async () => {
  const { rig, volume } = await archivedRig();
  for (const block of [50, 3, 120, 7]) {
    await volume.read(
      { lba: block * 8, sectorCount: 8 },
      new Uint8Array(4096),
      0,
    );
  }
  assert.deepEqual(rig.port.fetchedBlocks, [50, 3, 120, 7]);
  await rig.front.close();
});

Deno.test("more is read than there are slots for reads", async () => {
  const { rig, volume } = await archivedRig({ slots: 32 });
  const into = new Uint8Array(200 * 4096);
  const all = { lba: 0, sectorCount: 1600 };
  await Promise.all([
    volume.read(all, new Uint8Array(into.length), 0),
    volume.read(all, into, 0),
  ]);
  for (let block = 0; block < 200; block++) {
    const bytes = into.subarray(block * 4096, (block + 1) * 4096);
    assertSame(bytes, stamped(block + 1, 8));
  }
  await rig.front.close();
});

Deno.test("zero blocks cost no slot and are fetched once", async () => {
  const { rig, volume } = await archivedRig();
  const into = new Uint8Array(4096).fill(1);
  const range = { lba: 300 * 8, sectorCount: 8 };
  await volume.read(range, into, 0);
  assertSame(into, new Uint8Array(4096));
  assert.ok(volume.readNow(range, into, 0));
  assert.equal(rig.front.usage.cachedSlots, 0);
  await rig.front.close();
});

Deno.test("a damaged block is an error for its reads alone, until it is written anew", async () => {
  const { rig, volume } = await archivedRig({
    port: { damaged: new Set([5]) },
  });
  const into = new Uint8Array(8 * 4096);
  const wide = { lba: 0, sectorCount: 64 };
  await assert.rejects(volume.read(wide, into, 0), DamagedBlockError);
  await volume.read({ lba: 0, sectorCount: 40 }, into, 0);
  const range = { lba: 40, sectorCount: 8 };
  assert.equal(volume.readNow(range, into, 0), false);
  volume.write(range, stamped(9, 8), 0);
  await volume.read(wide, into, 0);
  assertSame(into.subarray(5 * 4096, 6 * 4096), stamped(9, 8));
  await rig.front.close();
});

Deno.test("whole blocks of a checkpoint stay readable without a fetch", async () => {
  const rig = await openRig();
  const volume = await open(rig);
  volume.write({ lba: 16, sectorCount: 8 }, stamped(3, 8), 0);
  await rig.front.checkpoint();
  const into = new Uint8Array(4096);
  assert.ok(volume.readNow({ lba: 16, sectorCount: 8 }, into, 0));
  assertSame(into, stamped(3, 8));
  assert.equal(rig.port.fetchCount, 0);
  assert.equal(rig.front.usage.overlaySlots, 0);
  await rig.front.close();
});

Deno.test("a snapshot is the state at the call, while writes and snapshots go on", async () => {
  const rig = await openRig({ port: { pause: () => quiet() } });
  const volume = await open(rig);
  const expected: number[] = [];
  const made: Promise<unknown>[] = [];
  for (let stamp = 1; stamp <= 3; stamp++) {
    volume.write({ lba: 0, sectorCount: 8 }, stamped(stamp, 8), 0);
    if (stamp === 1) {
      made.push(rig.front.snapshot("disk", "first"));
      expected.push(stamp);
    }
  }
  made.push(rig.front.snapshot("disk", "second"));
  made.push(rig.front.snapshot("disk", "third"));
  await Promise.all(made);
  const into = new Uint8Array(4096);
  for (const [name, stamp] of [["first", 1], ["second", 3], ["third", 3]]) {
    const request = { volume: "disk", snapshot: name as string };
    const disk = await rig.front.openVolume(request);
    await disk.read({ lba: 0, sectorCount: 8 }, into, 0);
    assertSame(into, stamped(stamp as number, 8), String(name));
    assert.throws(() => disk.write({ lba: 0, sectorCount: 8 }, into, 0));
  }
  await assert.rejects(rig.front.snapshot("disk", "first"), ArchiveError);
  await assert.rejects(rig.front.snapshot("none", "x"), ArchiveError);
  await rig.front.close();
});
