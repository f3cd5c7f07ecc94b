/** What is full, and what is only away: writes that find no room. */

import assert from "node:assert/strict";
import { openDisk, openRig, quiet } from "./front/fixtures.ts";
import {
  eventsOf,
  fill,
  FULL,
  GRACE_MS,
  stuckRig,
  watch,
} from "./front/full_rig.ts";
import { History } from "./front/history.ts";

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
