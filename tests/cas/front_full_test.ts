/** What is full, and what is only away: writes that find no room. */

import assert from "node:assert/strict";
import {
  type DiskOperation,
  SimulatedDisk,
} from "../../cas/disk/simulated_disk.ts";
import type { Volume } from "../../cas/front/volume.ts";
import {
  openDisk,
  openRig,
  quiet,
  type Rig,
  type RigOptions,
  seeded,
} from "./front/fixtures.ts";
import { History } from "./front/history.ts";

const FULL = { of: "store", message: "No space left. Free some" } as const;
/** Below it writes are not refused, above it they are. */
const GRACE_MS = 5000;

/** A front whose store takes nothing until `open`. */
async function stuckRig(budget: RigOptions["budget"] = {}): Promise<
  {
    rig: Rig;
    volume: Volume;
    history: History;
    open: () => void;
    confirm: () => void;
  }
> {
  const gate = Promise.withResolvers<void>();
  const claim = Promise.withResolvers<void>();
  const rig = await openRig({
    slots: 80,
    budget,
    port: {
      pause: (where) =>
        where === "checkpoint"
          ? gate.promise
          : where === "confirm"
          ? claim.promise
          : quiet(),
    },
  });
  const volume = await openDisk(rig);
  const history = new History(volume);
  const { resolve: open } = gate;
  return { rig, volume, history, open, confirm: claim.resolve };
}

/** Writes until there is no room; the block that found none. */
async function fill({ clock }: Rig, history: History): Promise<number> {
  let block = 0;
  for (; history.write(block * 8, 1); block++) await clock.advance(50);
  return block;
}

/** Watches how a wait for room goes. */
function watch(room: Promise<void>): { state: string } {
  const seen = { state: "waiting" };
  room.then(
    () => void (seen.state = "room"),
    (error: Error) => void (seen.state = error.message),
  );
  return seen;
}

function eventsOf({ events }: Rig): string[] {
  return events.map(({ event }) => event);
}

Deno.test("writes that find no room wait as long as the store is away", async () => {
  const { rig, volume, history, open } = await stuckRig();
  const block = await fill(rig, history);
  const seen = watch(volume.writable());
  await rig.clock.advanceBy(1000, 60 * GRACE_MS);
  assert.equal(seen.state, "waiting");
  open();
  await rig.clock.advanceBy(50, 500);
  assert.equal(seen.state, "room");
  assert.ok(history.write(block * 8, 1));
  assert.ok(!eventsOf(rig).includes("writes-refused"));
  await rig.front.close();
});

Deno.test("when the store is full they are refused after a grace, reads go on, and room ends it", async () => {
  const { rig, volume, history, open } = await stuckRig();
  const block = await fill(rig, history);
  const waiting = [watch(volume.writable()), watch(volume.writable())];
  await rig.clock.advanceBy(1000, 3 * GRACE_MS);
  rig.port.full = FULL;
  await rig.clock.advanceBy(1000, GRACE_MS - 1000);
  assert.equal(waiting[0]!.state, "waiting");
  assert.equal(rig.front.usage.refusal, undefined);
  await rig.clock.advanceBy(1000, 3000);
  for (const { state } of waiting) assert.match(state, /No space left/);
  assert.match(rig.front.usage.refusal ?? "", /store is full.*Free some/);
  const later = watch(volume.writable());
  await quiet();
  assert.match(later.state, /No space left/);
  assert.equal(history.unsettledCount, 0);
  await history.checkNow();
  await rig.clock.advanceBy(1000, 10 * GRACE_MS);
  const refusals = eventsOf(rig).filter((it) => it === "writes-refused");
  assert.equal(refusals.length, 1, "it is told once");

  rig.port.full = undefined;
  await rig.clock.advanceBy(1000, 1000);
  assert.equal(rig.front.usage.refusal, undefined);
  assert.ok(eventsOf(rig).includes("writes-accepted"));
  const room = watch(volume.writable());
  await quiet();
  assert.equal(room.state, "waiting", "there is no room before the checkpoint");
  open();
  await rig.clock.advanceBy(50, 500);
  assert.equal(room.state, "room");
  assert.ok(history.write(block * 8, 1));
  await quiet();
  assert.equal(history.failedCount, 0);
  await history.checkNow();
  await rig.front.close();
});

Deno.test("a server that lost its claim refuses nothing, for the disks are another's", async () => {
  const { rig, volume, history } = await stuckRig();
  await fill(rig, history);
  const before = watch(volume.writable());
  rig.port.full = FULL;
  await rig.clock.advanceBy(1000, GRACE_MS - 1000);
  rig.port.lose(new Error("another server took the archive"));
  await rig.clock.advanceBy(1000, 3 * GRACE_MS);
  assert.equal(before.state, "waiting");
  const after = watch(volume.writable());
  await rig.clock.advanceBy(1000, 3 * GRACE_MS);
  assert.equal(after.state, "waiting");
  await rig.front.abandon();
});

Deno.test("a store that was full for a moment refuses nothing", async () => {
  const { rig, volume, history, open } = await stuckRig();
  await fill(rig, history);
  const seen = watch(volume.writable());
  for (let time = 0; time < 5; time++) {
    rig.port.full = FULL;
    await rig.clock.advanceBy(1000, GRACE_MS - 1000);
    rig.port.full = undefined;
    await rig.clock.advanceBy(1000, 1000);
  }
  assert.equal(seen.state, "waiting");
  open();
  await rig.clock.advanceBy(50, 500);
  assert.equal(seen.state, "room");
  await rig.front.close();
});

Deno.test("an archive thread that does not answer is none that is full", async () => {
  const rig = await openRig({
    slots: 80,
    port: {
      pause: (where) =>
        where === "checkpoint"
          ? new Promise(() => {})
          : where === "shortage"
          ? Promise.reject(new Error("ended"))
          : quiet(),
    },
  });
  const history = new History(await openDisk(rig));
  await fill(rig, history);
  const seen = watch(
    rig.front.openVolume({ volume: "disk" }).then((it) => it.writable()),
  );
  await rig.clock.advanceBy(1000, 5 * GRACE_MS);
  assert.equal(seen.state, "waiting");
  await rig.front.abandon();
});

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

/** The same, full until it refuses writes. */
async function refusingRig(): ReturnType<typeof stuckRig> {
  const stuck = await stuckRig();
  const { rig, volume, history } = stuck;
  rig.port.full = FULL;
  await fill(rig, history);
  watch(volume.writable());
  await rig.clock.advanceBy(1000, 2 * GRACE_MS);
  assert.match(rig.front.usage.refusal ?? "", /store is full/);
  return stuck;
}

Deno.test("after a standstill no write is refused before the claim is confirmed", async () => {
  const { rig, volume, confirm } = await refusingRig();
  await rig.clock.advance(60_000);
  const seen = watch(volume.writable());
  await rig.clock.advanceBy(1000, GRACE_MS);
  assert.equal(seen.state, "waiting", "another server may take it");
  confirm();
  await quiet();
  assert.match(seen.state, /No space left/);
  await rig.front.abandon();
});

Deno.test("a server that lost the archive refuses nothing more, and tells of no room", async () => {
  const { rig, volume } = await refusingRig();
  rig.port.lose(new Error("another server took the archive"));
  await quiet();
  const seen = watch(volume.writable());
  rig.port.full = undefined;
  await rig.clock.advanceBy(1000, 2 * GRACE_MS);
  assert.equal(seen.state, "waiting", "its disks are another's");
  assert.ok(!eventsOf(rig).includes("writes-accepted"));
  await rig.front.abandon();
});

Deno.test("a write that only the batch has no room for is not refused, full as the store may be", async () => {
  const stuck = await stuckRig({ batchBytesMax: 32 * 1024 });
  const { rig, volume, history, open } = stuck;
  for (let block = 0; rig.front.usage.fill < 0.8; block++) {
    assert.ok(history.write(block * 8, 1));
    await rig.clock.advance(50);
  }
  // Stuck for so long that replies are held back for seconds.
  await rig.clock.advanceBy(5000, 900_000);
  rig.port.full = FULL;
  for (let second = 0; second < 60; second++) {
    while (history.write(0, 8));
    assert.ok(rig.front.usage.fill < 0.9, "overlay and journal have room");
    const seen = watch(volume.writable());
    await rig.clock.advance(1000);
    assert.match(seen.state, /^(waiting|room)$/);
  }
  assert.ok(!eventsOf(rig).includes("writes-refused"));
  rig.port.full = undefined;
  open();
  await rig.clock.advanceBy(50, 500);
  await rig.front.close();
  assert.equal(history.failedCount, 0);
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
