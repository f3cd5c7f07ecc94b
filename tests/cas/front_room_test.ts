/**
 * What happens when room runs out, and when the archive takes writes over.
 */

import assert from "node:assert/strict";
import { backPressureMs } from "../../cas/front/back_pressure.ts";
import {
  openDisk,
  openRig,
  quiet,
  segmentNames,
  stamped,
} from "./front/fixtures.ts";
import { History } from "./front/history.ts";

Deno.test("back-pressure begins at half, grows, and stays below what an initiator notices", () => {
  assert.equal(backPressureMs(0), 0);
  assert.equal(backPressureMs(0.5), 0);
  assert.ok(backPressureMs(0.6) > 0);
  assert.ok(backPressureMs(0.9) > backPressureMs(0.6));
  assert.equal(backPressureMs(1), 50);
  assert.equal(backPressureMs(2), 50);
});

Deno.test("replies are held back as the overlay fills, and writes are refused only when it is full", async () => {
  const rig = await openRig({
    slots: 80,
    port: {
      pause: (where) =>
        where === "checkpoint" ? new Promise(() => {}) : quiet(),
    },
  });
  const volume = await openDisk(rig);
  const history = new History(volume);
  const waits: number[] = [];
  let block = 0;
  for (; history.write(block * 8, 1); block++) {
    await quiet();
    if (history.unsettledCount === 0) continue;
    waits.push(block);
    const sleeper = rig.clock.sleepers.at(-1);
    assert.ok((sleeper?.untilMs ?? 0) - rig.clock.nowMs() <= 50);
    await rig.clock.advance(50);
    assert.equal(history.unsettledCount, 0);
  }
  // 80 slots, 16 of them for reads.
  assert.equal(block, 64);
  assert.equal(waits[0], 32);
  assert.ok(history.write(0, 1), "a block that has a slot can be written");
  await history.checkNow();
  await rig.front.abandon();
});

Deno.test("writable() resolves when a checkpoint made room", async () => {
  const rig = await openRig({ slots: 80 });
  const volume = await openDisk(rig);
  const history = new History(volume);
  let block = 0;
  while (history.write(block * 8, 1)) block++;
  const waiting = volume.writable();
  await rig.clock.advance(60);
  await waiting;
  assert.ok(history.write(block * 8, 1));
  await rig.front.close();
});

Deno.test("a full batch and a full journal refuse writes, and take them again", async () => {
  const rig = await openRig({
    slots: 2000,
    budget: { batchBytesMax: 32 * 1024, journalBytesMax: 256 * 1024 },
  });
  const volume = await openDisk(rig);
  const bytes = stamped(5, 16);
  let refused = 0;
  for (let lba = 0; lba < 4096; lba += 16) {
    while (volume.write({ lba: lba % 512, sectorCount: 16 }, bytes, 0) === 0) {
      refused++;
      assert.ok(rig.front.usage.journalBytes <= 256 * 1024);
      const room = volume.writable();
      await rig.clock.advance(60);
      await room;
    }
  }
  assert.ok(refused > 10);
  assert.ok(rig.port.checkpointCount >= 2);
  await rig.front.close();
});

Deno.test("a checkpoint begins by written bytes, also when one block is written again and again", async () => {
  const budget = { checkpointBytes: 40 * 512 };
  const rig = await openRig({ budget });
  const history = new History(await openDisk(rig));
  for (let write = 0; write < 39; write++) history.write(0, 1);
  await quiet();
  assert.equal(rig.port.checkpointCount, 0);
  history.write(0, 1);
  await quiet();
  assert.equal(rig.port.checkpointCount, 1);
  await rig.front.close();
});

Deno.test("a checkpoint begins by age", async () => {
  const rig = await openRig();
  const history = new History(await openDisk(rig));
  history.write(0, 1);
  await rig.clock.advance(59_000);
  assert.equal(rig.port.checkpointCount, 0);
  await rig.clock.advance(1_000);
  assert.equal(rig.port.checkpointCount, 1);
  assert.equal(rig.front.usage.overlaySlots, 0);
  await rig.clock.advance(600_000);
  assert.equal(rig.port.checkpointCount, 1);
  await rig.front.close();
});

Deno.test("a checkpoint that fails is tried again and meanwhile nothing local is lost or slow", async () => {
  let failures = 3;
  const rig = await openRig({
    port: {
      pause(where): Promise<void> {
        const fail = where === "checkpoint" && failures-- > 0;
        return fail
          ? Promise.reject(new Error("the store is away"))
          : Promise.resolve();
      },
    },
  });
  const history = new History(await openDisk(rig));
  history.write(3, 9);
  const done = rig.front.checkpoint();
  await quiet();
  history.write(8, 2);
  await quiet();
  assert.equal(history.unsettledCount, 0);
  await history.checkNow();
  for (let turn = 0; turn < 4; turn++) await rig.clock.advance(5000);
  await done;
  assert.equal(rig.port.checkpointCount, 4);
  assert.ok(rig.events.some((one) => one.event === "checkpoint-failed"));
  await history.checkNow();
  await rig.front.close();
});

Deno.test("closing while the archive cannot be written keeps the journal", async () => {
  let away = true;
  const rig = await openRig({
    port: {
      pause: (where) =>
        away && where === "checkpoint"
          ? Promise.reject(new Error("the store is away"))
          : Promise.resolve(),
    },
  });
  const history = new History(await openDisk(rig));
  history.write(3, 9);
  await rig.front.close();
  assert.equal(history.unsettledCount, 0);
  away = false;
  const bounds = history.bounds();
  const { archive, disk } = rig;
  const again = await openRig({ archive, disk });
  await history.check(await openDisk(again), bounds, "after the close");
  await again.front.close();
  assert.deepEqual(segmentNames(disk), []);
});
