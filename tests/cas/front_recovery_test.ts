/**
 * What a journal may look like at start, and which are refused.
 */

import assert from "node:assert/strict";
import {
  type DiskOperation,
  SimulatedDisk,
} from "../../cas/disk/simulated_disk.ts";
import { JournalError } from "../../cas/front/journal_errors.ts";
import {
  openRig,
  quiet,
  type Rig,
  stamped,
  stampOf,
  STATE_ID,
} from "./front/fixtures.ts";
import { loadChecksum } from "../../cas/front/journal_checksum.ts";
import { sealBatch } from "../../cas/front/journal_format.ts";
import type { Volume } from "../../cas/front/volume.ts";

const FIRST_BATCH = 4096;
const BATCH_LENGTH = 4096;
const OTHER_STATE = "6".repeat(32);

/** A rig whose journal has these stamps in sectors 0, 1, …, a batch each. */
async function journalOf(
  stamps: readonly number[],
  disk?: SimulatedDisk,
): Promise<Rig> {
  const rig = await openRig(disk === undefined ? {} : { disk });
  const volume = await openDisk(rig);
  for (const [lba, stamp] of stamps.entries()) {
    volume.write({ lba, sectorCount: 1 }, stamped(stamp, 1), 0);
    await quiet();
  }
  await rig.front.abandon();
  return rig;
}

function openDisk(rig: Rig): Promise<Volume> {
  return rig.front.openVolume({ volume: "disk", createBlockCount: 16 });
}

function reopen(rig: Rig, stateId: string = STATE_ID): Promise<Rig> {
  const { archive, disk } = rig;
  return openRig({ archive, disk, stateId });
}

/** The same, over a store that is away: the journal stays as it is. */
function reopenAway(rig: Rig): Promise<Rig> {
  const { archive, disk } = rig;
  return openRig({
    archive,
    disk,
    port: {
      pause: (where) =>
        where === "checkpoint" ? new Promise(() => {}) : Promise.resolve(),
    },
  });
}

async function stampsOf(rig: Rig, count: number): Promise<number[]> {
  const volume = await openDisk(rig);
  const bytes = new Uint8Array(count * 512);
  await volume.read({ lba: 0, sectorCount: count }, bytes, 0);
  await rig.front.abandon();
  return Array.from({ length: count }, (_, sector) => stampOf(bytes, sector));
}

function flipByte(rig: Rig, name: string, position: number): void {
  const file = rig.disk.open(name);
  const byte = new Uint8Array(1);
  file.read(byte, position);
  byte[0] = (byte[0] as number) ^ 0x10;
  file.write(byte, position);
}

function segmentNames(rig: Rig): string[] {
  return rig.disk.list().filter((name) => /^\d+$/.test(name)).sort();
}

async function refused(
  promise: Promise<unknown>,
  code: string,
  text: RegExp,
): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof JournalError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, text);
    assert.match(error.message, /mv \S+ \S+\.damaged/);
    return true;
  });
}

Deno.test("a damaged last batch is a torn tail: cut silently", async () => {
  const rig = await journalOf([11, 22, 33]);
  const name = segmentNames(rig)[0] as string;
  flipByte(rig, name, FIRST_BATCH + 2 * BATCH_LENGTH + 700);
  assert.deepEqual(await stampsOf(await reopen(rig), 3), [11, 22, 0]);
});

Deno.test("after a torn tail the journal goes on in a new segment", async () => {
  const rig = await journalOf([11, 22, 33]);
  const name = segmentNames(rig)[0] as string;
  flipByte(rig, name, FIRST_BATCH + 2 * BATCH_LENGTH + 700);
  const second = await reopen(rig);
  const volume = await openDisk(second);
  volume.write({ lba: 3, sectorCount: 1 }, stamped(44, 1), 0);
  await quiet();
  await second.front.abandon();
  assert.deepEqual(await stampsOf(await reopen(rig), 4), [11, 22, 0, 44]);
});

for (const [what, at] of [["payload", 900], ["header", 20], ["magic", 0]]) {
  Deno.test(`a flipped ${what} byte before the last batch is refused`, async () => {
    const rig = await journalOf([11, 22, 33]);
    const name = segmentNames(rig)[0] as string;
    const position = FIRST_BATCH + BATCH_LENGTH;
    flipByte(rig, name, position + (at as number));
    await refused(
      reopen(rig),
      "Damaged",
      new RegExp(`${name}: at byte ${position}`),
    );
  });
}

Deno.test("a batch that was replaced by another sound one is refused: its successor knows", async () => {
  const rig = await journalOf([11, 22, 33]);
  const name = segmentNames(rig)[0] as string;
  const file = rig.disk.open(name);
  const nonce = new Uint8Array(16);
  file.read(nonce, 64);
  const batch = new Uint8Array(BATCH_LENGTH);
  const position = FIRST_BATCH + BATCH_LENGTH;
  file.read(batch, position);
  batch[700] = (batch[700] as number) ^ 1;
  const previousChecksum = batch.slice(32, 40);
  const segment = { number: Number(name), nonce };
  const seal = { segment, sequence: 2, previousChecksum };
  sealBatch(batch, 2, seal, await loadChecksum());
  file.write(batch, position);
  await refused(reopen(rig), "Damaged", /batch 3 does not follow batch 2/);
});

Deno.test("a damaged first batch is refused when a sound one stands behind it", async () => {
  const rig = await journalOf([11, 22]);
  flipByte(rig, segmentNames(rig)[0] as string, FIRST_BATCH + 100);
  await refused(reopen(rig), "Damaged", /at byte 4096/);
});

Deno.test("a damaged segment header is refused", async () => {
  const rig = await journalOf([11]);
  flipByte(rig, segmentNames(rig)[0] as string, 30);
  await refused(reopen(rig), "Damaged", /header/);
});

Deno.test("a damaged tail of an earlier segment is refused", async () => {
  const rig = await journalOf([11, 22]);
  const second = await reopenAway(rig);
  (await openDisk(second)).write(
    { lba: 2, sectorCount: 1 },
    stamped(33, 1),
    0,
  );
  await quiet();
  await second.front.abandon();
  const name = segmentNames(rig)[0] as string;
  flipByte(rig, name, FIRST_BATCH + BATCH_LENGTH + 700);
  await refused(reopen(rig), "Damaged", /a later segment begins with batch 3/);
});

Deno.test("a missing segment in the middle is refused", async () => {
  const rig = await journalOf([11]);
  for (const lba of [1, 2]) {
    const next = await reopenAway(rig);
    const disk = await openDisk(next);
    disk.write({ lba, sectorCount: 1 }, stamped(lba, 1), 0);
    await quiet();
    await next.front.abandon();
  }
  const written = segmentNames(rig).filter((name) =>
    rig.disk.open(name).size > FIRST_BATCH
  );
  assert.equal(written.length, 3);
  rig.disk.remove(written[1] as string);
  await refused(
    reopen(rig),
    "Damaged",
    /batch 2 is missing/,
  );
});

Deno.test("a copy of an old journal inside a client's disk proves nothing", async () => {
  const rig = await openRig();
  const volume = await openDisk(rig);
  volume.write({ lba: 0, sectorCount: 1 }, stamped(11, 1), 0);
  await quiet();
  // The client knows everything of the format but the segment's nonce.
  const name = segmentNames(rig)[0] as string;
  const forged = new Uint8Array(3 * BATCH_LENGTH);
  const seal = {
    segment: { number: Number(name), nonce: new Uint8Array(16) },
    sequence: 99,
    previousChecksum: new Uint8Array(8),
  };
  // Before a batch's first write: its header, the volume's record, 24 bytes.
  const batch = forged.subarray(BATCH_LENGTH - 152, 2 * BATCH_LENGTH - 152);
  sealBatch(batch, 0, seal, await loadChecksum());
  volume.write({ lba: 8, sectorCount: 24 }, forged, 0);
  await quiet();
  const first = new Uint8Array(8);
  rig.disk.open(name).read(first, FIRST_BATCH + 2 * BATCH_LENGTH);
  assert.equal(new TextDecoder().decode(first), "SHLFBTCH", "it is aligned");
  await rig.front.abandon();
  flipByte(rig, name, FIRST_BATCH + BATCH_LENGTH + 3500);
  assert.deepEqual(await stampsOf(await reopen(rig), 1), [11]);
});

Deno.test("a batch that failed and was written again counts once, also when it is the journal's first", async () => {
  let failing = false;
  const disk = new SimulatedDisk({
    // A failed sync after which all is on the platter nevertheless.
    random: () => 0.3,
    fault(operation: DiskOperation): string | undefined {
      if (!failing || operation.kind !== "sync") return undefined;
      failing = false;
      return "EIO";
    },
  });
  const rig = await openRig({ disk });
  const volume = await openDisk(rig);
  volume.write({ lba: 9, sectorCount: 1 }, stamped(1, 1), 0);
  await rig.front.checkpoint();
  await quiet();
  failing = true;
  for (const lba of [0, 1]) {
    volume.write({ lba, sectorCount: 1 }, stamped(11, 1), 0);
    await quiet();
  }
  assert.equal(volume.lastTicket, 0);
  await rig.front.abandon();
  const [first, second] = segmentNames(rig).map((name) => {
    const batch = new Uint8Array(24);
    disk.open(name).read(batch, FIRST_BATCH);
    return batch[16];
  });
  assert.deepEqual([first, second], [2, 2], "sequences of the first batches");
  assert.deepEqual(await stampsOf(await reopen(rig), 2), [11, 11]);
});

Deno.test("a recycled segment's earlier life is never replayed", async () => {
  const rig = await openRig();
  const volume = await openDisk(rig);
  for (let round = 0; round < 4; round++) {
    for (let lba = 0; lba < 6; lba++) {
      const stamp = 100 * round + lba + 1;
      volume.write({ lba, sectorCount: 1 }, stamped(stamp, 1), 0);
      await quiet();
    }
    await rig.front.checkpoint();
    await quiet();
  }
  volume.write({ lba: 0, sectorCount: 1 }, stamped(7, 1), 0);
  await quiet();
  await rig.front.abandon();
  const numbered = segmentNames(rig).map(Number);
  assert.ok(numbered.length <= 2 && Math.min(...numbered) > 3);
  const again = await reopen(rig);
  const replayed = again.events.find((one) => one.event === "journal-replayed");
  assert.equal(replayed?.writes, 1);
  assert.deepEqual(await stampsOf(again, 2), [7, 302]);
});

Deno.test("a journal of another state directory is refused", async () => {
  const rig = await journalOf([11]);
  await refused(reopen(rig, OTHER_STATE), "Foreign", /state 5555/);
});

Deno.test("a volume to which another server has written since is refused", async () => {
  const rig = await journalOf([11]);
  const { sequence, blocks } = rig.archive.newest("disk");
  const writerId = OTHER_STATE;
  rig.archive.publish("disk", { sequence: sequence + 1, writerId, blocks });
  await refused(reopen(rig), "Overtaken", /state 6666\S+ has written root 2/);
});

Deno.test("a volume whose newest roots are gone is refused", async () => {
  const rig = await openRig();
  const volume = await openDisk(rig);
  volume.write({ lba: 0, sectorCount: 1 }, stamped(1, 1), 0);
  await rig.front.checkpoint();
  volume.write({ lba: 0, sectorCount: 1 }, stamped(2, 1), 0);
  await quiet();
  await rig.front.abandon();
  rig.archive.volumes.get("disk")?.roots.pop();
  await refused(reopen(rig), "Overtaken", /roots are missing/);
});

Deno.test("a root of this server that the journal still holds is no conflict", async () => {
  let published = false;
  const rig = await openRig({
    port: {
      pause(where): Promise<void> {
        published ||= where === "published";
        return where === "published" ? new Promise(() => {}) : quiet();
      },
    },
  });
  const volume = await openDisk(rig);
  volume.write({ lba: 0, sectorCount: 1 }, stamped(1, 1), 0);
  volume.write({ lba: 9, sectorCount: 1 }, stamped(2, 1), 0);
  await quiet();
  rig.front.checkpoint();
  for (let turn = 0; turn < 10; turn++) await quiet();
  assert.ok(published);
  volume.write({ lba: 0, sectorCount: 1 }, stamped(3, 1), 0);
  await quiet();
  await rig.front.abandon();
  assert.deepEqual(await stampsOf(await reopen(rig), 1), [3]);
});

Deno.test("a journal larger than the memory is replayed", async () => {
  const budget = { checkpointBytes: 100_000_000 };
  const rig = await openRig({ slots: 512, budget });
  const request = { volume: "disk", createBlockCount: 400 };
  const volume = await rig.front.openVolume(request);
  for (let block = 0; block < 400; block++) {
    const range = { lba: block * 8, sectorCount: 8 };
    volume.write(range, stamped(block + 1, 8), 0);
    await rig.clock.advance(60);
  }
  assert.equal(rig.port.checkpointCount, 0);
  await rig.front.abandon();
  const small = await openRig({
    archive: rig.archive,
    disk: rig.disk,
    slots: 64,
  });
  assert.ok(small.port.checkpointCount > 3);
  const disk = await small.front.openVolume({ volume: "disk" });
  for (let block = 0; block < 400; block++) {
    const bytes = new Uint8Array(4096);
    await disk.read({ lba: block * 8, sectorCount: 8 }, bytes, 0);
    assert.equal(stampOf(bytes, 7), block + 1);
  }
  await small.front.close();
  assert.deepEqual(segmentNames(rig), []);
});

Deno.test("volumes in the journal are opened and archived though nothing serves them", async () => {
  const rig = await journalOf([11]);
  const again = await reopen(rig);
  await quiet();
  assert.equal(again.front.usage.overlaySlots, 0);
  await again.front.close();
  assert.equal(stampOf(rig.archive.newest("disk").blocks.get(0)!, 0), 11);
});
