/** A journal that is full, or whose disk is. */

import assert from "node:assert/strict";
import {
  type DiskOperation,
  SimulatedDisk,
} from "../../cas/disk/simulated_disk.ts";
import { openDisk, openRig, quiet, seeded } from "./front/fixtures.ts";
import { eventsOf, FULL, GRACE_MS } from "./front/full_rig.ts";
import { History } from "./front/history.ts";

Deno.test("a journal full of what the archive has lets go of it, though nothing is left to archive", async () => {
  const gate = Promise.withResolvers<void>();
  const rig = await openRig({
    // A new segment is never ready when one is just let go of.
    disk: new SimulatedDisk({ random: seeded(4), syncDelay: quiet }),
    slots: 2000,
    budget: { journalBytesMax: 256 * 1024, batchBytesMax: 32 * 1024 },
    port: {
      pause: (where) =>
        where === "checkpoint" ? gate.promise : Promise.resolve(),
    },
  });
  const history = new History(await openDisk(rig));
  await rig.clock.advanceBy(50, 500);
  // Little enough for its end to make no room for a large one.
  history.write(0, 1);
  await rig.clock.advanceBy(50, 200);
  const first = rig.front.checkpoint();
  await rig.clock.advanceBy(50, 200);
  for (let lba = 32; history.write(lba, 32); lba += 32) {
    await rig.clock.advanceBy(50, 200);
  }
  gate.resolve();
  await rig.clock.advanceBy(50, 500);
  await first;
  assert.equal(rig.front.usage.unarchivedBytes, 0);
  let taken = false;
  for (let attempt = 0; attempt < 20 && !taken; attempt++) {
    taken = history.write(0, 32);
    await rig.clock.advanceBy(50, 200);
  }
  assert.ok(taken, `the journal keeps ${rig.front.usage.journalBytes} bytes`);
  await history.checkNow();
  await rig.front.close();
});

/** A disk that takes so many bytes in all, in files that are there. */
function smallDisk(
  bytesMax: number,
): { disk: SimulatedDisk; bytesMax: number } {
  const small = { bytesMax, disk: undefined as unknown as SimulatedDisk };
  function fault({ kind }: DiskOperation): string | undefined {
    if (kind !== "write") return undefined;
    const used = small.disk.list().reduce((sum, name) => {
      const file = small.disk.open(name);
      try {
        return sum + file.size;
      } finally {
        file.close();
      }
    }, 0);
    return used >= small.bytesMax ? "ENOSPC" : undefined;
  }
  small.disk = new SimulatedDisk({ random: seeded(3), fault });
  return small;
}

Deno.test("a journal whose disk is full has the archive take what is in it, and refuses nothing", async () => {
  const small = smallDisk(64 * 1024);
  const rig = await openRig({ slots: 2000, disk: small.disk });
  const history = new History(await openDisk(rig));
  for (let block = 0; block < 60; block++) {
    assert.ok(history.write(block * 8, 8));
    await rig.clock.advanceBy(500, 1000);
    assert.equal(history.unsettledCount, 0, `block ${block}`);
  }
  assert.equal(history.failedCount, 0);
  assert.ok(rig.port.checkpointCount > 2);
  assert.ok(!eventsOf(rig).includes("writes-refused"));
  const bounds = history.bounds();
  await rig.front.abandon();
  const disk = small.disk.afterPowerLoss(() => 0);
  const again = await openRig({ archive: rig.archive, disk, slots: 2000 });
  await history.check(await openDisk(again), bounds, "after power loss");
  await again.front.abandon();
});

Deno.test("a batch that found no room goes to the segment that was made before the disk was full", async () => {
  const gate = Promise.withResolvers<void>();
  const sync = Promise.withResolvers<void>();
  let full = false;
  const disk: SimulatedDisk = new SimulatedDisk({
    random: seeded(3),
    syncDelay: () => full ? sync.promise : Promise.resolve(),
    fault: ({ kind, name }) =>
      full && (name === "spare" || (kind === "sync" && name.endsWith("1")))
        ? "ENOSPC"
        : undefined,
  });
  const rig = await openRig({
    disk,
    port: {
      pause: (where) => where === "checkpoint" ? gate.promise : quiet(),
    },
  });
  const history = new History(await openDisk(rig));
  history.write(0, 8);
  await quiet();
  assert.equal(history.unsettledCount, 0);
  full = true;
  history.write(8, 8);
  await Promise.resolve();
  const checkpoint = rig.front.checkpoint();
  await quiet();
  sync.resolve();
  await rig.clock.advanceBy(500, 1000);
  assert.equal(history.unsettledCount, 0, "the next segment is there");
  full = false;
  gate.resolve();
  await rig.clock.advanceBy(500, 1000);
  await checkpoint;
  assert.equal(history.failedCount, 0);
  await rig.front.close();
});

Deno.test("writes wait for a full journal as long as the archive takes what is in it", async () => {
  const gate = Promise.withResolvers<void>();
  const small = smallDisk(64 * 1024);
  const rig = await openRig({
    slots: 2000,
    disk: small.disk,
    port: {
      pause: (where) => where === "checkpoint" ? gate.promise : quiet(),
    },
  });
  const history = new History(await openDisk(rig));
  for (let block = 0; history.unsettledCount === 0; block++) {
    assert.ok(history.write(block * 8, 8));
    await quiet();
  }
  await rig.clock.advanceBy(500, 10 * GRACE_MS);
  assert.equal(history.failedCount, 0);
  assert.ok(history.unsettledCount > 0);
  gate.resolve();
  await rig.clock.advanceBy(500, 2000);
  assert.equal(history.failedCount, 0);
  assert.equal(history.unsettledCount, 0);
  await history.checkNow();
  await rig.front.close();
});

Deno.test("a full journal over a full store is refused after the grace", async () => {
  const small = smallDisk(64 * 1024);
  const { promise, resolve } = Promise.withResolvers<void>();
  const rig = await openRig({
    slots: 2000,
    disk: small.disk,
    port: { pause: (where) => where === "checkpoint" ? promise : quiet() },
  });
  const history = new History(await openDisk(rig));
  rig.port.full = FULL;
  for (let block = 0; history.unsettledCount === 0; block++) {
    assert.ok(history.write(block * 8, 8));
    await quiet();
  }
  await rig.clock.advanceBy(500, GRACE_MS + 1000);
  assert.ok(history.failedCount > 0);
  assert.match(rig.front.usage.refusal ?? "", /disk of the journal/);
  await history.checkNow();
  rig.port.full = undefined;
  resolve();
  await rig.clock.advanceBy(500, 2000);
  const failed = history.failedCount;
  assert.ok(history.write(0, 8));
  await rig.clock.advanceBy(500, 1000);
  assert.equal(history.failedCount, failed);
  assert.equal(history.unsettledCount, 0);
  assert.equal(rig.front.usage.refusal, undefined);
  await rig.front.close();
});
