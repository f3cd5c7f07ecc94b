/**
 * Writes that the archive cannot take, because what lies under them is damaged.
 */

import assert from "node:assert/strict";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import type { Volume } from "../../cas/front/volume.ts";
import {
  openDisk,
  openRig,
  quiet,
  type Rig,
  seeded,
  segmentNames,
  stampAt,
  stamped,
} from "./front/fixtures.ts";

const DAMAGED_BLOCK = 3;
const LBA = DAMAGED_BLOCK * 8;

/** A disk whose block 3 was stored, and has been damaged since. */
async function damagedRig(): Promise<
  { rig: Rig; volume: Volume; damaged: Set<number> }
> {
  const damaged = new Set<number>();
  const disk = new SimulatedDisk({ random: seeded(1) });
  const rig = await openRig({ disk, port: { damaged } });
  const request = { volume: "disk", createBlockCount: 16 };
  const volume = await rig.front.openVolume(request);
  volume.write({ lba: 0, sectorCount: 128 }, stamped(1, 128), 0);
  await rig.front.checkpoint();
  damaged.add(DAMAGED_BLOCK);
  return { rig, volume, damaged };
}

/** The same state after a restart, or after the power was lost. */
function reopen(
  { archive }: Rig,
  damaged: Set<number>,
  disk: SimulatedDisk,
): Promise<Rig> {
  return openRig({ archive, disk, port: { damaged } });
}

Deno.test("a part of a damaged block stays readable and journaled through checkpoints", async () => {
  const { rig, volume, damaged } = await damagedRig();
  volume.write({ lba: LBA + 2, sectorCount: 2 }, stamped(2, 2), 0);
  await rig.front.checkpoint();
  volume.write({ lba: LBA + 3, sectorCount: 1 }, stamped(3, 1), 0);
  await rig.front.checkpoint();
  await rig.front.checkpoint();
  await rig.clock.advance(0);
  assert.equal(await stampAt(volume, LBA + 2), 2);
  assert.equal(await stampAt(volume, LBA + 3), 3);
  assert.ok(rig.events.some(({ event }) => event === "writes-deferred"));

  const disk = rig.disk.afterPowerLoss(seeded(7));
  await rig.front.abandon();
  const again = await reopen(rig, damaged, disk);
  const after = await again.front.openVolume({ volume: "disk" });
  assert.equal(await stampAt(after, LBA + 2), 2);
  assert.equal(await stampAt(after, LBA + 3), 3);
  await assert.rejects(stampAt(after, LBA), "no longer in a cache");
  await again.front.close();
  assert.notDeepEqual(
    segmentNames(again.disk),
    [],
    "the journal is all that has it",
  );
});

Deno.test("sectors written during the checkpoint are not undone by older ones kept", async () => {
  const { rig, volume } = await damagedRig();
  volume.write({ lba: LBA, sectorCount: 4 }, stamped(2, 4), 0);
  const checkpoint = rig.front.checkpoint();
  volume.write({ lba: LBA + 1, sectorCount: 1 }, stamped(3, 1), 0);
  await checkpoint;
  await quiet();
  assert.equal(await stampAt(volume, LBA), 2);
  assert.equal(await stampAt(volume, LBA + 1), 3);
  await rig.front.abandon();
});

Deno.test("a write that fails in the journal during the checkpoint takes no older one with it that is kept", async () => {
  let fails = false;
  const damaged = new Set<number>();
  let gate: Promise<void> = Promise.resolve();
  const disk = new SimulatedDisk({
    random: seeded(1),
    fault: ({ kind }) => fails && kind === "write" ? "EIO" : undefined,
  });
  const rig = await openRig({
    disk,
    port: {
      damaged,
      pause: (where) => where === "checkpoint" ? gate : Promise.resolve(),
    },
  });
  const volume = await openDisk(rig);
  volume.write({ lba: 0, sectorCount: 64 }, stamped(1, 64), 0);
  await rig.front.checkpoint();
  damaged.add(DAMAGED_BLOCK);
  const settled: boolean[] = [];
  volume.onSettled((_, ok) => settled.push(ok));
  volume.write({ lba: LBA, sectorCount: 1 }, stamped(2, 1), 0);
  await quiet();
  const { promise, resolve } = Promise.withResolvers<void>();
  gate = promise;
  const checkpoint = rig.front.checkpoint();
  await quiet();
  fails = true;
  volume.write({ lba: LBA, sectorCount: 1 }, stamped(3, 1), 0);
  await quiet();
  assert.deepEqual(settled, [true, false]);
  fails = false;
  resolve();
  await checkpoint;
  await quiet();
  const after = rig.disk.afterPowerLoss(seeded(7));
  await rig.front.abandon();
  const again = await reopen(rig, damaged, after);
  const opened = await again.front.openVolume({ volume: "disk" });
  assert.equal(await stampAt(opened, LBA), 2);
  await again.front.abandon();
});

Deno.test("writing the rest of a damaged block archives it and frees the journal", async () => {
  const { rig, volume, damaged } = await damagedRig();
  volume.write({ lba: LBA, sectorCount: 4 }, stamped(2, 4), 0);
  await rig.front.checkpoint();
  volume.write({ lba: LBA + 4, sectorCount: 4 }, stamped(3, 4), 0);
  await rig.front.close();
  assert.deepEqual([...damaged], []);
  assert.deepEqual(segmentNames(rig.disk), []);
});

Deno.test("a FLUSH for the store is not answered before the archive has taken writes over damage, and no other volume waits for them", async () => {
  const { rig, damaged } = await damagedRig();
  const how = { flushRemote: true };
  const volume = await rig.front.openVolume({ volume: "disk" }, how);
  const request = { volume: "sound", createBlockCount: 16 };
  const sound = await rig.front.openVolume(request, how);
  volume.write({ lba: LBA + 2, sectorCount: 2 }, stamped(2, 2), 0);
  sound.write({ lba: 0, sectorCount: 8 }, stamped(2, 8), 0);
  let isFlushed = false;
  const flushed = volume.flush!().then(() => void (isFlushed = true));
  await sound.flush!();
  for (let times = 0; times < 3; times++) await rig.clock.advance(60_000);
  assert.equal(isFlushed, false, "it is in the journal alone");
  const waits = rig.events.filter(({ event }) => event === "flush-waits");
  assert.equal(waits.length, 1, "told once");
  assert.ok(rig.front.usage.lagMs >= 120_000, "the gauge tells it, too");
  damaged.clear();
  await rig.clock.advance(60_000);
  await flushed;
  assert.equal(rig.front.usage.unarchivedBytes, 0);
  assert.equal(rig.front.usage.lagMs, 0);
  await rig.front.close();
});

Deno.test("a FLUSH that waits for a repair is given up when the server leaves", async () => {
  const { rig } = await damagedRig();
  const how = { flushRemote: true };
  const volume = await rig.front.openVolume({ volume: "disk" }, how);
  volume.write({ lba: LBA + 2, sectorCount: 2 }, stamped(2, 2), 0);
  const flushed = assert.rejects(volume.flush!(), /leaving/);
  await rig.clock.advance(0);
  await rig.front.close();
  await flushed;
});

Deno.test("replies are held back as before when a write could not be archived", async () => {
  const { rig, volume } = await damagedRig();
  volume.write({ lba: LBA + 2, sectorCount: 2 }, stamped(2, 2), 0);
  await rig.front.checkpoint();
  const request = { volume: "large", createBlockCount: 128 };
  const large = await rig.front.openVolume(request);
  for (let block = 0; block < 90; block++) {
    if (block === 45) await quiet();
    large.write({ lba: block * 8, sectorCount: 8 }, stamped(3, 8), 0);
  }
  await quiet();
  assert.ok(rig.front.usage.fill > 0.8);
  assert.notEqual(large.lastTicket, 0, "it is held back");
  await rig.clock.advance(100);
  await rig.clock.advance(100);
  assert.equal(large.lastTicket, 0);
  await rig.front.abandon();
});

Deno.test("writes over what is only not found yet are not told of as damage", async () => {
  const { rig, volume } = await damagedRig();
  for (const unsettled of [true, false]) {
    rig.port.unsettled = unsettled;
    volume.write({ lba: LBA + 2, sectorCount: 2 }, stamped(2, 2), 0);
    await rig.front.checkpoint();
    const told = rig.events.findLast((it) => it.event === "writes-deferred");
    assert.equal(told?.severity, unsettled ? "strange" : "corrupt");
    assert.equal(/damaged/.test(told.message), !unsettled);
  }
  await rig.front.abandon();
});
