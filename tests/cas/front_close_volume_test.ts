/**
 * Volumes that nobody uses any more, on a server that goes on.
 */

import assert from "node:assert/strict";
import type { Volume } from "../../cas/front/volume.ts";
import { assertSame } from "../assert_same.ts";
import { openRig, quiet, type Rig, stamped } from "./front/fixtures.ts";

const RANGE = { lba: 8, sectorCount: 24 };

function open(rig: Rig, volume: string): Promise<Volume> {
  return rig.front.openVolume({ volume, createBlockCount: 64 });
}

async function write(disk: Volume, stamp: number): Promise<void> {
  assert.ok(disk.write(RANGE, stamped(stamp, RANGE.sectorCount), 0) > 0);
  await quiet();
}

async function assertStamp(disk: Volume, stamp: number): Promise<void> {
  const into = new Uint8Array(RANGE.sectorCount * 512);
  await disk.read(RANGE, into, 0);
  assertSame(into, stamped(stamp, RANGE.sectorCount));
}

Deno.test("with its last disk a volume is archived, closed, and out of the journal", async () => {
  const rig = await openRig();
  const one = await open(rig, "disk");
  const two = await open(rig, "disk");
  const other = await open(rig, "other");
  await write(other, 7);
  await write(one, 1);
  await rig.front.closeVolume(one);
  assert.deepEqual(rig.port.closedViews, [], "another disk shows it");
  await write(two, 2);
  await rig.front.closeVolume(two);
  assert.deepEqual(rig.port.closedViews, [0]);
  await write(other, 8);
  await rig.front.abandon();

  // It may be renamed now: a journal that still named it could not be replayed.
  const { volumes } = rig.archive;
  const renamed = volumes.get("disk")!;
  volumes.delete("disk");
  volumes.set("tape", { ...renamed, name: "tape" });
  const again = await openRig({ archive: rig.archive, disk: rig.disk });
  await assertStamp(await open(again, "tape"), 2);
  await assertStamp(await open(again, "other"), 8);
  await again.front.close();
});

Deno.test("a closed volume can be opened again, and nothing of it was forgotten", async () => {
  const rig = await openRig();
  for (let stamp = 1; stamp <= 3; stamp++) {
    const disk = await open(rig, "disk");
    const other = await open(rig, "other");
    if (stamp > 1) {
      await assertStamp(disk, stamp - 1);
      await assertStamp(other, stamp + 99);
    }
    await write(disk, stamp);
    await write(other, stamp + 100);
    await rig.front.closeVolume(disk);
    await rig.front.closeVolume(other);
  }
  assert.equal(rig.port.closedViews.length, 6);
  await rig.front.close();
});

Deno.test("a volume that is opened while it is being closed stays open", async () => {
  const waiting: PromiseWithResolvers<void>[] = [];
  const rig = await openRig({
    port: {
      pause: async (where) => {
        if (where !== "checkpoint") return;
        waiting.push(Promise.withResolvers());
        await waiting.at(-1)!.promise;
      },
    },
  });
  const first = await open(rig, "disk");
  await write(first, 1);
  const closing = rig.front.closeVolume(first);
  await quiet();
  assert.equal(waiting.length, 1, "the archive takes its writes");
  const second = await open(rig, "disk");
  await write(second, 2);
  for (const { resolve } of waiting) resolve();
  await closing;
  assert.deepEqual(rig.port.closedViews, []);
  await assertStamp(second, 2);
  const ended = rig.front.close();
  await quiet();
  for (const { resolve } of waiting) resolve();
  await ended;
});

Deno.test("a snapshot of a volume that nobody uses leaves it closed", async () => {
  const rig = await openRig();
  const disk = await open(rig, "disk");
  await write(disk, 5);
  await rig.front.closeVolume(disk);
  await rig.front.snapshot("disk", "monday");
  assert.equal(rig.port.closedViews.length, 2);
  const request = { volume: "disk", snapshot: "monday" };
  const past = await rig.front.openVolume(request);
  await assertStamp(past, 5);
  await rig.front.closeVolume(past);
  assert.equal(
    rig.port.closedViews.length,
    3,
    "a past state is let go of, too",
  );
  await rig.front.close();
});

Deno.test("a server that is leaving closes no volume: its writes are in the journal", async () => {
  const rig = await openRig();
  const disk = await open(rig, "disk");
  await write(disk, 1);
  rig.front.abandon();
  await rig.front.closeVolume(disk);
  assert.deepEqual(rig.port.closedViews, []);
});

Deno.test("a volume that is opened, written and closed while it is being closed keeps what was written", async () => {
  const gates = {
    fetch: Promise.withResolvers<void>(),
    checkpoint: Promise.withResolvers<void>(),
  };
  const rig = await openRig({
    port: {
      pause: async (where) => {
        if (where === "fetch" || where === "checkpoint") {
          await gates[where].promise;
        }
      },
    },
  });
  const first = await open(rig, "disk");
  // As what is fetched ahead of a reader, it is waited for by the close alone.
  const range = { lba: 400, sectorCount: 8 };
  const read = first.read(range, new Uint8Array(4096), 0);
  const firstClosed = rig.front.closeVolume(first);
  await quiet();
  const second = await open(rig, "disk");
  await write(second, 2);
  const secondClosed = rig.front.closeVolume(second);
  await quiet();
  assert.ok(rig.port.checkpointing, "the archive does not have it yet");
  gates.fetch.resolve();
  await read;
  await rig.clock.advance(100);
  await assertStamp(await open(rig, "disk"), 2);
  gates.checkpoint.resolve();
  for (let turn = 0; turn < 4; turn++) await rig.clock.advance(100);
  await Promise.all([firstClosed, secondClosed]);
  await rig.front.close();
});

Deno.test("a volume that is being closed when the server leaves takes no other's writes out of the journal", async () => {
  const rig = await openRig();
  const other = await open(rig, "other");
  const unused = await open(rig, "disk");
  await write(other, 7);
  const closed = rig.front.closeVolume(unused);
  await rig.front.abandon();
  await closed;
  const again = await openRig({ archive: rig.archive, disk: rig.disk });
  await assertStamp(await open(again, "other"), 7);
  await again.front.close();
});

Deno.test("a volume is closed although another one is being opened meanwhile", async () => {
  const opened = Promise.withResolvers<void>();
  let isSlow = false;
  const rig = await openRig({
    port: {
      pause: async (where) => {
        if (isSlow && where === "openView") await opened.promise;
      },
    },
  });
  const disk = await open(rig, "disk");
  isSlow = true;
  const opening = open(rig, "other");
  const closed = rig.front.closeVolume(disk);
  await quiet();
  assert.deepEqual(rig.port.closedViews, [], "it may be the same view");
  opened.resolve();
  await opening;
  await rig.clock.advance(100);
  await closed;
  assert.deepEqual(rig.port.closedViews, [0]);
  await rig.front.close();
});
