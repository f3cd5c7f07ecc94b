/** How far the archive is behind, and what is done about it. */

import assert from "node:assert/strict";
import { backPressureMs } from "../../cas/front/back_pressure.ts";
import {
  openDisk,
  openRig,
  quiet,
  type Rig,
  stamped,
  stampOf,
} from "./front/fixtures.ts";
import { History } from "./front/history.ts";

interface Away {
  readonly rig: Rig;
  /** Lets the checkpoint that waits for the store go on, and all later ones. */
  comeBack(): void;
}

/** A front whose store is away until it comes back. */
async function openAway(
  options: Parameters<typeof openRig>[0] = {},
): Promise<Away> {
  const back = Promise.withResolvers<void>();
  const rig = await openRig({
    ...options,
    budget: { checkpointAgeMs: 5000, lagMsMax: 10_000, ...options.budget },
    port: {
      pause: (where) =>
        where === "checkpoint" ? back.promise : Promise.resolve(),
    },
  });
  return { rig, comeBack: back.resolve };
}

async function openHistory(rig: Rig): Promise<History> {
  const request = { volume: "disk", createBlockCount: 512 };
  return new History(await rig.front.openVolume(request));
}

function events(rig: Rig, name: string): number {
  return rig.events.filter(({ event }) => event === name).length;
}

Deno.test("the gauge tells bytes and age of what is not in the store, and is empty again", async () => {
  const { rig, comeBack } = await openAway();
  const history = await openHistory(rig);
  assert.equal(rig.front.usage.lagMs, 0);
  history.write(0, 1);
  await rig.clock.advance(2000);
  history.write(8, 8);
  await rig.clock.advance(1000);
  assert.equal(rig.front.usage.unarchivedBytes, 2 * 4096);
  assert.equal(rig.front.usage.lagMs, 3000);
  await rig.clock.advance(2000);
  assert.ok(rig.port.checkpointing, "by half of the lag");
  history.write(16, 8);
  await rig.clock.advance(1000);
  assert.equal(rig.front.usage.lagMs, 6000);
  comeBack();
  await quiet();
  assert.equal(rig.front.usage.lagMs, 1000, "the newer write is left");
  await rig.clock.advance(4000);
  assert.equal(rig.front.usage.unarchivedBytes, 0);
  assert.equal(rig.front.usage.lagMs, 0);
  assert.equal(events(rig, "archive-behind"), 0);
  await rig.front.close();
});

Deno.test("it is told once when the store is too far behind, and once when it has caught up", async () => {
  const { rig, comeBack } = await openAway();
  const history = await openHistory(rig);
  history.write(0, 1);
  await rig.clock.advance(9000);
  assert.equal(events(rig, "archive-behind"), 0);
  for (let turn = 0; turn < 20; turn++) await rig.clock.advance(5000);
  assert.equal(events(rig, "archive-behind"), 1);
  assert.equal(rig.front.usage.behind, true);
  history.write(8, 1);
  assert.equal(events(rig, "archive-caught-up"), 0);
  comeBack();
  await quiet();
  assert.equal(events(rig, "archive-caught-up"), 1);
  assert.equal(rig.front.usage.behind, false);
  await rig.front.close();
});

Deno.test("the longer a checkpoint does not end, the longer replies are held back", () => {
  assert.equal(backPressureMs(0.5, 3_600_000), 0);
  assert.equal(backPressureMs(1, 1000), 150);
  assert.ok(backPressureMs(0.75, 60_000) > backPressureMs(0.75, 10_000));
  // Twice this is far from the 180 s after which Linux gives a disk up.
  assert.equal(backPressureMs(2, 36_000_000), 30_000);
});

Deno.test("through an outage of an hour a client that writes on is answered, slower and slower", async () => {
  const { rig, comeBack } = await openAway({ slots: 1040 });
  const history = await openHistory(rig);
  let longestMs = 0;
  let elapsedMs = 0;
  // 910 slots for writes: from the 455th block on they are held back.
  for (let block = 0; elapsedMs < 3_600_000; block++) {
    if (!history.write(block % 512 * 8, 8)) break;
    await quiet();
    let waitedMs = 0;
    for (; history.unsettledCount > 0; waitedMs += 5000) {
      await rig.clock.advance(5000);
    }
    longestMs = Math.max(longestMs, waitedMs);
    elapsedMs += waitedMs;
    if (block < 400) assert.equal(waitedMs, 0, `block ${block}`);
  }
  assert.ok(elapsedMs >= 3_600_000, `full after ${elapsedMs} ms`);
  assert.ok(longestMs <= 35_000, `one waited for ${longestMs} ms`);
  // What is held back when the store returns is answered at once.
  comeBack();
  history.write(0, 1);
  for (let turn = 0; turn < 20; turn++) await rig.clock.advance(50);
  assert.equal(history.unsettledCount, 0);
  await history.checkNow();
  await rig.front.close();
});

Deno.test("a FLUSH for the store resolves when all writes before it are there", async () => {
  const { rig, comeBack } = await openAway();
  const request = { volume: "disk", createBlockCount: 512 };
  const local = await rig.front.openVolume(request);
  assert.equal(local.flush, undefined);
  const disk = await rig.front.openVolume(request, { flushRemote: true });
  const history = new History(disk);
  history.write(0, 1);
  await quiet();
  let flushed = 0;
  for (let turn = 0; turn < 3; turn++) disk.flush!().then(() => flushed++);
  await quiet();
  history.write(8, 1);
  disk.flush!().then(() => flushed++);
  disk.flush!().then(() => flushed++);
  await quiet();
  assert.equal(flushed, 0);
  comeBack();
  await quiet();
  await quiet();
  assert.equal(flushed, 5);
  assert.equal(rig.port.checkpointCount, 2, "many wait for one checkpoint");
  assert.equal(rig.front.usage.unarchivedBytes, 0);
  await rig.front.close();
});

Deno.test("after a standstill nothing is acknowledged before the claim is confirmed", async () => {
  let confirm = Promise.withResolvers<void>();
  const rig = await openRig({
    port: {
      pause: (where) =>
        where === "confirm" ? confirm.promise : Promise.resolve(),
    },
  });
  const history = await openHistory(rig);
  for (let second = 0; second < 30; second++) {
    history.write(second, 1);
    await rig.clock.advance(1000);
  }
  assert.equal(history.unsettledCount, 0);
  assert.equal(rig.port.confirmCount, 0, "time passed, and it was awake");
  history.write(0, 1);
  // Stopped, with a write on its way, and continued.
  await rig.clock.advance(11_000);
  history.write(8, 1);
  await quiet();
  assert.equal(rig.port.confirmCount, 1);
  assert.equal(events(rig, "standstill"), 1);
  assert.ok(history.unsettledCount > 0);
  confirm.resolve();
  await quiet();
  assert.equal(history.unsettledCount, 0);

  confirm = Promise.withResolvers<void>();
  await rig.clock.advance(60_000);
  history.write(16, 1);
  await quiet();
  confirm.reject(new Error("another server took the archive"));
  rig.port.lose(new Error("another server took the archive"));
  await rig.clock.advance(60_000);
  history.write(24, 1);
  await rig.clock.advance(1000);
  assert.equal(history.unsettledCount, 1, "neither, nor for ever");
  await rig.front.abandon();
});

Deno.test("after a standstill no read of a volume is answered before the claim is confirmed, and none when it is lost", async () => {
  let confirm = Promise.withResolvers<void>();
  const rig = await openRig({
    port: {
      pause: (where) =>
        where === "confirm" ? confirm.promise : Promise.resolve(),
    },
  });
  const disk = await openDisk(rig);
  const range = { lba: 0, sectorCount: 1 };
  const into = new Uint8Array(512);
  disk.write({ lba: 0, sectorCount: 8 }, stamped(7, 8), 0);
  await rig.front.snapshot("disk", "past");
  const past = await rig.front.openVolume({ volume: "disk", snapshot: "past" });
  await past.read(range, into, 0);
  assert.ok(disk.readNow(range, into, 0), "it is at hand");
  await rig.clock.advance(9000);
  assert.ok(disk.readNow(range, into, 0), "so soon nobody can have written");

  await rig.clock.advance(11_000);
  assert.equal(disk.readNow(range, into, 0), false);
  let isRead = false;
  disk.read(range, into, 0).then(() => void (isRead = true));
  await quiet();
  assert.equal(isRead, false, "another server may have written");
  assert.ok(past.readNow(range, into, 0), "the past does not change");
  into.fill(0);
  confirm.resolve();
  await quiet();
  assert.ok(isRead);
  assert.equal(stampOf(into, 0), 7);
  assert.ok(disk.readNow(range, into, 0));

  confirm = Promise.withResolvers<void>();
  await rig.clock.advance(60_000);
  isRead = false;
  disk.read(range, into, 0).then(() => void (isRead = true));
  const taken = new Error("another server took the archive");
  confirm.reject(taken);
  rig.port.lose(taken);
  await rig.clock.advance(60_000);
  disk.read(range, into, 0).then(() => void (isRead = true));
  await quiet();
  assert.equal(isRead, false, "its disks are another's");
  assert.equal(disk.readNow(range, into, 0), false);
  await rig.front.abandon();
});

Deno.test("after a standstill no FLUSH for the store is answered before the claim is confirmed, for newer writes may be another server's", async () => {
  const confirm = Promise.withResolvers<void>();
  const rig = await openRig({
    port: {
      pause: (where) =>
        where === "confirm" ? confirm.promise : Promise.resolve(),
    },
  });
  const request = { volume: "disk", createBlockCount: 512 };
  const disk = await rig.front.openVolume(request, { flushRemote: true });
  await disk.flush!();
  await rig.clock.advance(60_000);
  let isFlushed = false;
  disk.flush!().then(() => void (isFlushed = true));
  await quiet();
  assert.equal(isFlushed, false);
  confirm.resolve();
  await quiet();
  assert.ok(isFlushed);
  await rig.front.close();
});

Deno.test("a confirmation that is older than another standstill confirms nothing", async () => {
  const confirms: PromiseWithResolvers<void>[] = [];
  const rig = await openRig({
    port: {
      pause: (where) => {
        if (where !== "confirm") return Promise.resolve();
        const confirm = Promise.withResolvers<void>();
        confirms.push(confirm);
        return confirm.promise;
      },
    },
  });
  const history = await openHistory(rig);
  await rig.clock.advance(11_000);
  history.write(0, 1);
  await quiet();
  assert.equal(confirms.length, 1);
  // Answered, and stopped before the answer was read.
  await rig.clock.advance(60_000);
  confirms[0]!.resolve();
  await quiet();
  assert.ok(history.unsettledCount > 0, "who knows what happened meanwhile");
  assert.equal(confirms.length, 2);
  confirms[1]!.resolve();
  await quiet();
  assert.equal(history.unsettledCount, 0);
  await rig.front.close();
});
