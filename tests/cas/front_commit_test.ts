/**
 * Group commit, and its failures.
 */

import assert from "node:assert/strict";
import { DiskError } from "../../cas/disk/disk.ts";
import {
  type DiskOperation,
  SimulatedDisk,
} from "../../cas/disk/simulated_disk.ts";
import {
  openDisk,
  openRig,
  quiet,
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

function count(recorder: Recorder, kind: string): number {
  return recorder.operations.filter((one) => one.kind === kind).length;
}

Deno.test("writes of one turn are one batch with one sync", async () => {
  const record = recorder();
  const rig = await openRig({ disk: record.disk });
  const history = new History(await openDisk(rig));
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
  const [one, two] = [await openDisk(rig, "one"), await openDisk(rig, "two")];
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
      const history = new History(await openDisk(rig));
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
      await history.check(await openDisk(again), bounds, "after power loss");
      await again.front.abandon();
    });
  }
}

Deno.test("on a full disk writes fail, are reported, and resume when there is space", async () => {
  const record = recorder();
  const rig = await openRig({ disk: record.disk });
  const history = new History(await openDisk(rig));
  history.write(0, 4);
  await quiet();
  record.failing = { kinds: ["write"], code: "ENOSPC", count: Infinity };
  history.write(0, 1);
  await rig.clock.advanceBy(500, 4500);
  assert.equal(history.failedCount, 0, "a refusal has to wait");
  assert.equal(rig.front.usage.refusal, undefined);
  await rig.clock.advanceBy(500, 1500);
  assert.equal(history.failedCount, 1);
  history.write(8, 1);
  await rig.clock.advanceBy(500, 500);
  assert.equal(history.failedCount, 2, "and the next ones need not");
  assert.equal(history.unsettledCount, 0);
  assert.match(rig.front.usage.refusal ?? "", /ENOSPC/);
  const told = (): string[] =>
    rig.events.map(({ event }) => event).filter((it) => it !== "checkpoint");
  assert.deepEqual(told(), ["journal-full", "writes-refused"]);
  assert.match(rig.events.at(-1)!.message, /ENOSPC.*Make room/);
  await history.checkNow();
  record.failing = undefined;
  history.write(16, 2);
  await quiet();
  assert.equal(history.failedCount, 2);
  assert.equal(history.unsettledCount, 0);
  assert.equal(rig.front.usage.refusal, undefined);
  assert.equal(told().at(-1), "writes-accepted");
  const bounds = history.bounds();
  await rig.front.abandon();
  const disk = record.disk.afterPowerLoss(() => 0);
  const again = await openRig({ archive: rig.archive, disk });
  await history.check(await openDisk(again), bounds, "after power loss");
  await again.front.abandon();
});

Deno.test("a write that found the batch full is tried again though the batches find no segment", async () => {
  const record = recorder();
  const rig = await openRig({
    disk: record.disk,
    slots: 512,
    budget: { batchBytesMax: 32 * 1024 },
  });
  const volume = await openDisk(rig);
  await quiet();
  record.failing = { kinds: ["write"], code: "EIO", count: Infinity };
  const bytes = stamped(5, 16);
  assert.notEqual(volume.write({ lba: 0, sectorCount: 16 }, bytes, 0), 0);
  // The batch of this one is on its way to another segment now.
  await Promise.resolve();
  let lba = 16;
  while (volume.write({ lba, sectorCount: 16 }, bytes, 0) !== 0) lba += 16;
  assert.ok(lba > 16, "the next batch gathers");
  let isTold = false;
  volume.writable().then(() => isTold = true);
  await quiet();
  assert.ok(isTold);
  await rig.front.abandon();
});

Deno.test("a server that lost its claim acknowledges nothing more", async () => {
  const rig = await openRig();
  const volume = await openDisk(rig);
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
  const [one, two] = [await openDisk(rig), await openDisk(rig)];
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
  const volume = await openDisk(rig);
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
  const volume = await openDisk(rig);
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
  const history = new History(await openDisk(rig));
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

Deno.test("a segment that cannot be closed is let go of all the same", async () => {
  const { disk } = recorder();
  const open = disk.open.bind(disk);
  disk.open = (name) => {
    const file = open(name);
    const close = (): void => {
      throw new DiskError("EIO", `Cannot close ${name}`);
    };
    return /^\d+$/.test(name) ? Object.assign(file, { close }) : file;
  };
  const rig = await openRig({ disk });
  const history = new History(await openDisk(rig));
  for (let round = 0; round < 3; round++) {
    history.write(round, 1);
    await quiet();
    await rig.front.checkpoint();
  }
  assert.ok(rig.events.some((one) => one.event === "checkpoint-failed"));
  assert.ok(!segmentNames(disk).includes("1".padStart(16, "0")));
  await rig.front.abandon().catch(() => {});
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
  const history = new History(await openDisk(second));
  history.write(3, 9);
  await second.clock.advance(0);
  const [name = ""] = segmentNames(disk);
  assert.equal(disk.open(name).size, spare.size, "overwritten, not grown");
  const bounds = history.bounds();
  await second.front.abandon();
  const third = await openRig({ archive, disk });
  await history.check(await openDisk(third), bounds, "after the restart");
  await third.front.abandon();
});

Deno.test("in the long run the journal makes no files: a segment that is let go of is the next", async () => {
  const record = recorder();
  const rig = await openRig({
    disk: record.disk,
    budget: { journalFillBytes: 2 * 1024 * 1024 },
  });
  const history = new History(await openDisk(rig));
  const created: number[] = [];
  for (let round = 0; round < 6; round++) {
    for (let turn = 0; turn < 20; turn++) await rig.clock.advance(100);
    history.write(round, 1);
    await quiet();
    await rig.front.checkpoint();
    created.push(count(record, "create"));
  }
  assert.equal(created[5], created[2], `files made so far: ${created}`);
  await rig.front.abandon();
});

Deno.test("what is archived is let go although the next file is not yet filled", async () => {
  const rig = await openRig({
    budget: { journalFillBytes: 64 * 1024 * 1024 },
  });
  const history = new History(await openDisk(rig));
  const empty = rig.front.usage.journalBytes;
  for (let round = 0; round < 3; round++) {
    for (let block = 0; block < 8; block++) history.write(block * 8, 8);
    await quiet();
    await rig.front.checkpoint();
    assert.equal(rig.front.usage.journalBytes, empty, `round ${round}`);
  }
  await rig.front.abandon();
});

Deno.test("a checkpoint that waits for a new segment when the server leaves archived nothing, and says so", async () => {
  const record = recorder();
  const rig = await openRig({
    disk: record.disk,
    budget: { journalFillBytes: 64 * 1024 * 1024 },
  });
  const history = new History(await openDisk(rig));
  history.write(0, 1);
  await quiet();
  const held = Promise.withResolvers<void>();
  record.hold = held.promise;
  const checkpoint = rig.front.checkpoint();
  const refused = assert.rejects(checkpoint, /the server is leaving/);
  await quiet();
  const leaving = rig.front.abandon();
  held.resolve();
  await refused;
  await leaving;
  assert.equal(rig.port.checkpointCount, 0);
});
