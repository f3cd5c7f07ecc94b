/**
 * Group commit, its failures, and what happens when room runs out.
 */

import assert from "node:assert/strict";
import {
  type DiskOperation,
  SimulatedDisk,
} from "../../cas/disk/simulated_disk.ts";
import { backPressureMs } from "../../cas/front/back_pressure.ts";
import type { Volume } from "../../cas/front/volume.ts";
import {
  openRig,
  quiet,
  type Rig,
  seeded,
  segmentNames,
  stamped,
} from "./front/fixtures.ts";
import { History } from "./front/history.ts";

interface Recorder {
  readonly disk: SimulatedDisk;
  readonly operations: DiskOperation[];
  /** While set, operations of these kinds fail. */
  failing: { kinds: string[]; code: string; count: number } | undefined;
  /** While set, syncs wait. */
  hold: Promise<void> | undefined;
}

function recorder(): Recorder {
  const result: Recorder = {
    operations: [],
    failing: undefined,
    hold: undefined,
    disk: new SimulatedDisk({
      random: seeded(7),
      onOperation: (operation) => result.operations.push(operation),
      syncDelay: () => result.hold ?? Promise.resolve(),
      fault(operation: DiskOperation): string | undefined {
        const { failing } = result;
        if (failing === undefined || failing.count === 0) return undefined;
        if (!failing.kinds.includes(operation.kind)) return undefined;
        failing.count--;
        return failing.code;
      },
    }),
  };
  return result;
}

function open(rig: Rig, name: string = "disk"): Promise<Volume> {
  return rig.front.openVolume({ volume: name, createBlockCount: 512 });
}

function count(recorder: Recorder, kind: string): number {
  return recorder.operations.filter((one) => one.kind === kind).length;
}

Deno.test("writes of one turn are one batch with one sync", async () => {
  const record = recorder();
  const rig = await openRig({ disk: record.disk });
  const history = new History(await open(rig));
  await quiet();
  const before = count(record, "sync");
  for (let lba = 0; lba < 16; lba++) history.write(lba, 1);
  assert.equal(history.unsettledCount, 16);
  await quiet();
  assert.equal(history.unsettledCount, 0);
  assert.equal(count(record, "sync"), before + 1);
  assert.deepEqual(history.settledTickets, [16]);
  await rig.front.close();
});

Deno.test("while a sync is under way the next batch gathers, and is not written", async () => {
  const record = recorder();
  const rig = await openRig({ disk: record.disk });
  const [one, two] = [await open(rig, "one"), await open(rig, "two")];
  const histories = [new History(one), new History(two)] as const;
  let release: () => void = () => {};
  record.hold = new Promise((resolve) => {
    release = resolve;
  });
  histories[0].write(0, 2);
  await quiet();
  const written = count(record, "write");
  histories[1].write(0, 2);
  histories[0].write(4, 2);
  await quiet();
  assert.equal(count(record, "write"), written);
  assert.equal(histories[0].unsettledCount, 2);
  assert.equal(one.lastTicket, 3);
  assert.equal(two.lastTicket, 2);
  record.hold = undefined;
  release();
  await quiet();
  assert.equal(count(record, "write"), written + 1);
  assert.deepEqual(histories[0].settledTickets, [1, 3]);
  assert.deepEqual(histories[1].settledTickets, [3]);
  assert.equal(one.lastTicket, 0);
  await rig.front.close();
});

for (const kind of ["sync", "write"]) {
  for (const warmUp of [0, 12]) {
    Deno.test(`a batch whose ${kind} fails is written to another segment (after ${warmUp} good ones)`, async () => {
      const record = recorder();
      const rig = await openRig({ disk: record.disk });
      const history = new History(await open(rig));
      await quiet();
      for (let lba = 0; lba < warmUp; lba++) {
        history.write(lba, 1);
        await quiet();
      }
      record.failing = { kinds: [kind], code: "EIO", count: 1 };
      history.write(20, 3);
      await quiet();
      assert.equal(history.unsettledCount, 0);
      assert.equal(history.failedCount, 0);
      const home = record.operations.findLast((one) =>
        one.kind === "write" && /^\d+$/.test(one.name)
      );
      assert.equal(home?.name, "2".padStart(16, "0"));
      assert.ok(rig.events.some((one) => one.event === "journal-failure"));
      const bounds = history.bounds();
      const lost = record.disk.afterPowerLoss(() => 0);
      await rig.front.abandon();
      const again = await openRig({ archive: rig.archive, disk: lost });
      await history.check(await open(again), bounds, "after power loss");
      await again.front.abandon();
    });
  }
}

Deno.test("on a full disk writes fail, are reported, and resume when there is space", async () => {
  const record = recorder();
  const rig = await openRig({ disk: record.disk });
  const history = new History(await open(rig));
  history.write(0, 4);
  await quiet();
  record.failing = { kinds: ["write"], code: "ENOSPC", count: Infinity };
  history.write(0, 1);
  await quiet();
  history.write(8, 1);
  await quiet();
  assert.equal(history.failedCount, 2);
  assert.equal(history.unsettledCount, 0);
  const report = rig.events.find((one) => one.event === "journal-failure");
  assert.match(String(report?.message), /ENOSPC/);
  record.failing = undefined;
  history.write(16, 2);
  await quiet();
  assert.equal(history.failedCount, 2);
  assert.equal(history.unsettledCount, 0);
  const bounds = history.bounds();
  await rig.front.abandon();
  const disk = record.disk.afterPowerLoss(() => 0);
  const again = await openRig({ archive: rig.archive, disk });
  await history.check(await open(again), bounds, "after power loss");
  await again.front.abandon();
});

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
  const volume = await open(rig);
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
  const volume = await open(rig);
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
  const volume = await open(rig);
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
  const history = new History(await open(rig));
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
  const history = new History(await open(rig));
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
  const history = new History(await open(rig));
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
  const history = new History(await open(rig));
  history.write(3, 9);
  await rig.front.close();
  assert.equal(history.unsettledCount, 0);
  away = false;
  const bounds = history.bounds();
  const { archive, disk } = rig;
  const again = await openRig({ archive, disk });
  await history.check(await open(again), bounds, "after the close");
  await again.front.close();
  assert.deepEqual(segmentNames(disk), []);
});

Deno.test("a server that lost its claim acknowledges nothing more", async () => {
  const rig = await openRig();
  const volume = await open(rig);
  const history = new History(volume);
  rig.port.lose(new Error("another server took the archive"));
  history.write(0, 1);
  await quiet();
  assert.equal(history.unsettledCount, 1);
  assert.equal(volume.write({ lba: 0, sectorCount: 1 }, stamped(1, 1), 0), 0);
  assert.ok(rig.events.some((one) => one.event === "archive-lost"));
  await rig.front.abandon();
});

Deno.test("two disks of one volume see each other's writes and settle their own", async () => {
  const rig = await openRig();
  const [one, two] = [await open(rig), await open(rig)];
  const history = new History(one);
  let settledTwo = 0;
  two.onSettled(() => settledTwo++);
  history.write(4, 8);
  await quiet();
  assert.equal(history.unsettledCount, 0);
  assert.equal(settledTwo, 0);
  const { newest } = history.bounds();
  await history.check(two, { oldest: newest, newest }, "the other disk");
  await rig.front.close();
});

Deno.test("a write beyond the end or larger than a batch is refused loudly", async () => {
  const rig = await openRig({ budget: { batchBytesMax: 32 * 1024 } });
  const volume = await open(rig);
  const bytes = stamped(1, 100);
  const last = volume.sectorCount;
  assert.throws(
    () => volume.write({ lba: last - 1, sectorCount: 2 }, bytes, 0),
    RangeError,
  );
  assert.throws(
    () => volume.write({ lba: 0, sectorCount: 40 }, bytes, 0),
    RangeError,
  );
  await rig.front.close();
});

Deno.test("a client that writes as soon as it is answered does not stop the event loop", async () => {
  const rig = await openRig();
  const yields: (() => void)[] = [];
  rig.clock.yieldTurn = () => new Promise((resolve) => yields.push(resolve));
  const volume = await open(rig);
  const bytes = stamped(1, 1);
  let answered = 0;
  volume.onSettled(() => {
    if (++answered < 1000) volume.write({ lba: 0, sectorCount: 1 }, bytes, 0);
  });
  volume.write({ lba: 0, sectorCount: 1 }, bytes, 0);
  await quiet();
  // The first ones go through the thread pool; then one blocks for its turn.
  assert.ok(answered < 20, `${answered} answered in one turn`);
  const before = answered;
  for (const resume of yields.splice(0)) resume();
  await quiet();
  assert.equal(answered, before + 1);
  await rig.front.abandon();
});

Deno.test("a segment that failed is removed and not used again", async () => {
  const record = recorder();
  const rig = await openRig({ disk: record.disk });
  const history = new History(await open(rig));
  record.failing = { kinds: ["write"], code: "EIO", count: 1 };
  history.write(0, 1);
  await quiet();
  await rig.front.checkpoint();
  await quiet();
  const [removed] = record.operations.filter((one) => one.kind === "remove");
  assert.equal(removed?.name, "1".padStart(16, "0"));
  await rig.front.close();
  await rig.front.close();
  await rig.front.abandon();
});

Deno.test("a journal file made ahead of need is filled, kept over a restart, and used", async () => {
  const budget = { journalFillBytes: 2 * 1024 * 1024 };
  const first = await openRig({ budget });
  for (let turn = 0; turn < 20; turn++) await first.clock.advance(100);
  await first.front.close();
  assert.deepEqual(first.disk.list(), ["spare"]);
  const spare = first.disk.open("spare");
  assert.ok(spare.size >= budget.journalFillBytes);

  const { archive, disk } = first;
  const second = await openRig({ archive, disk, budget });
  const history = new History(await open(second));
  history.write(3, 9);
  await second.clock.advance(0);
  const [name = ""] = segmentNames(disk);
  assert.equal(disk.open(name).size, spare.size, "overwritten, not grown");
  const bounds = history.bounds();
  await second.front.abandon();
  const third = await openRig({ archive, disk });
  await history.check(await open(third), bounds, "after the restart");
  await third.front.abandon();
});
