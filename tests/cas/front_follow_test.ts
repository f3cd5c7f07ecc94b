/** Disks that move on to newer states. */

import assert from "node:assert/strict";
import { assertSame } from "../assert_same.ts";
import { openRig, quiet, type Rig, stamped } from "./front/fixtures.ts";
import type { Volume } from "../../cas/front/volume.ts";

const INTERVAL_MS = 5000;

/** A front whose port serves a volume as it is when opened. */
async function openFollowing(
  pause: (where: string) => Promise<void> = () => Promise.resolve(),
): Promise<{ rig: Rig; disk: Volume; stop: () => void }> {
  const rig = await openRig({ port: { pause, readOnly: true } });
  rig.archive.volumes.set("disk", {
    name: "disk",
    volumeId: "7".repeat(32),
    blockCount: 64,
    roots: [{ sequence: 1, writerId: "8".repeat(32), blocks: new Map() }],
    snapshots: new Map(),
  });
  publish(rig, 1);
  const { disk, stop } = await rig.front.followVolume("disk");
  return { rig, disk, stop };
}

/** Another server writes every block of the volume. */
function publish(rig: Rig, stamp: number): void {
  const { sequence } = rig.archive.newest("disk");
  const blocks = new Map<number, Uint8Array>();
  for (let block = 0; block < 64; block++) blocks.set(block, stamped(stamp, 8));
  const writerId = "8".repeat(32);
  rig.archive.publish("disk", { sequence: sequence + 1, writerId, blocks });
}

async function read(disk: Volume): Promise<Uint8Array> {
  const bytes = new Uint8Array(64 * 4096);
  await disk.read({ lba: 0, sectorCount: 512 }, bytes, 0);
  return bytes;
}

Deno.test("a followed volume shows the newest state, and lets go of those before", async () => {
  const { rig, disk, stop } = await openFollowing();
  assertSame(await read(disk), stamped(1, 512));
  for (let stamp = 2; stamp < 6; stamp++) {
    publish(rig, stamp);
    assertSame(await read(disk), stamped(stamp - 1, 512), "until it looks");
    await rig.clock.advance(INTERVAL_MS);
    assertSame(await read(disk), stamped(stamp, 512));
  }
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.port.closedViews.length, 4);
  assert.ok(rig.front.usage.cachedSlots <= 64);
  const moves = rig.events.filter(({ event }) => event === "volume-moved");
  assert.equal(moves.length, 4);
  stop();
  publish(rig, 9);
  await rig.clock.advance(10 * INTERVAL_MS);
  assert.equal(rig.port.closedViews.length, 5, "after the stop all are closed");
  assert.equal(rig.front.usage.cachedSlots, 0);
  assert.equal(moves.length, 4);
  await rig.front.close();
});

Deno.test("one read gives one state, though the disk moves on meanwhile", async () => {
  let hold = Promise.resolve();
  const { rig, disk } = await openFollowing((where) =>
    where === "fetch" ? hold : Promise.resolve()
  );
  const held = Promise.withResolvers<void>();
  hold = held.promise;
  const reading = read(disk);
  await quiet();
  publish(rig, 2);
  await rig.clock.advance(INTERVAL_MS);
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(rig.port.closedViews.length, 0, "it is still read from");
  held.resolve();
  assertSame(await reading, stamped(1, 512));
  assertSame(await read(disk), stamped(2, 512));
  await rig.front.close();
});

Deno.test("a followed disk is taken neither for its volume nor for a snapshot", async () => {
  const { rig, disk } = await openFollowing();
  const fixed = await rig.front.openVolume({ volume: "disk" });
  const serial = disk.identity.serial;
  assert.ok(!"7".repeat(32).startsWith(serial));
  assert.notEqual(serial, fixed.identity.serial);
  publish(rig, 2);
  await rig.clock.advance(INTERVAL_MS);
  assert.equal(disk.identity.serial, serial, "it stays while the disk moves");
  await rig.front.close();
});

Deno.test("a store that is away leaves a followed disk as it is, and is told of once", async () => {
  const { rig, disk } = await openFollowing();
  const { newerView } = rig.port;
  rig.port.newerView = () => Promise.reject(new Error("the store is away"));
  publish(rig, 2);
  for (let look = 0; look < 3; look++) await rig.clock.advance(INTERVAL_MS);
  assertSame(await read(disk), stamped(1, 512));
  const failures = rig.events.filter(({ event }) => event === "follow-failed");
  assert.equal(failures.length, 1);
  rig.port.newerView = newerView;
  await rig.clock.advance(INTERVAL_MS);
  assertSame(await read(disk), stamped(2, 512));
  await rig.front.close();
});
