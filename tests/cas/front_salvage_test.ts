/** What is kept of a journal that is damaged in its middle. */

import assert from "node:assert/strict";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { loadChecksum } from "../../cas/front/journal_checksum.ts";
import {
  type FoundBatch,
  type SalvageReport,
  surveyJournal,
  writeSalvaged,
} from "../../cas/front/journal_salvage.ts";
import {
  openRig,
  quiet,
  type Rig,
  stamped,
  stampOf,
} from "./front/fixtures.ts";

const BATCH_LENGTH = 4096;
const STAMPS: readonly number[] = [11, 22, 33, 44, 55];
const checksum = await loadChecksum();

/** A journal with these stamps in sectors 0, 1, ..., a batch each; two servers wrote it. */
async function journalOf(stamps: readonly number[]): Promise<Rig> {
  let rig = await openRig();
  for (const [lba, stamp] of stamps.entries()) {
    if (lba === 3) rig = await reopenAway(rig);
    const volume = await openDisk(rig);
    volume.write({ lba, sectorCount: 1 }, stamped(stamp, 1), 0);
    await quiet();
    if (lba === 2) await rig.front.abandon();
  }
  await rig.front.abandon();
  return rig;
}

async function openDisk(rig: Rig): ReturnType<Rig["front"]["openVolume"]> {
  return await rig.front.openVolume({ volume: "disk", createBlockCount: 16 });
}

/** Over a store that is away: the journal stays as it is. */
function reopenAway({ archive, disk }: Rig): Promise<Rig> {
  return openRig({
    archive,
    disk,
    port: {
      pause: (where) =>
        where === "checkpoint" ? new Promise(() => {}) : Promise.resolve(),
    },
  });
}

function segmentNames({ disk }: Rig): string[] {
  return disk.list().filter((name) => /^\d+$/.test(name)).sort();
}

function flip(rig: Rig, name: string, position: number): void {
  const file = rig.disk.open(name);
  const byte = new Uint8Array(1);
  file.read(byte, position);
  byte[0]! ^= 0x10;
  file.write(byte, position);
  file.close();
}

/** What the sectors are when a server goes on with these batches. */
async function goOn(
  rig: Rig,
  { identity }: SalvageReport,
  batches: readonly FoundBatch[],
): Promise<number[]> {
  const disk = new SimulatedDisk({ random: () => 0.5 });
  const nonce = new Uint8Array(16).fill(9);
  const seal = { identity: identity!, checksum, nonce };
  await writeSalvaged(rig.disk, disk, batches, seal);
  const next = await openRig({ archive: rig.archive, disk });
  const volume = await openDisk(next);
  const bytes = new Uint8Array(STAMPS.length * 512);
  await volume.read({ lba: 0, sectorCount: STAMPS.length }, bytes, 0);
  await next.front.abandon();
  return STAMPS.map((_, sector) => stampOf(bytes, sector));
}

Deno.test("of a sound journal everything is kept and nothing lost", async () => {
  const rig = await journalOf(STAMPS);
  const report = surveyJournal(rig.disk, checksum);
  assert.deepEqual(report.faults, []);
  assert.deepEqual(report.lost, []);
  assert.equal(report.keptBefore, report.batches.length);
  assert.deepEqual(await goOn(rig, report, report.batches), STAMPS);
});

for (const [what, at] of [["payload", 900], ["header", 20], ["magic", 0]]) {
  Deno.test(`a flipped ${what} byte costs that batch alone, or all from there on`, async () => {
    const damaged = async (): Promise<Rig> => {
      const rig = await journalOf(STAMPS);
      const [first] = segmentNames(rig) as [string];
      flip(rig, first, BATCH_LENGTH * 2 + Number(at));
      return rig;
    };
    const rig = await damaged();
    const report = surveyJournal(rig.disk, checksum);
    assert.equal(report.keptBefore, 1);
    assert.deepEqual(await goOn(rig, report, report.batches), [
      ...[11, 0, 33, 44, 55],
    ]);
    const before = report.batches.slice(0, report.keptBefore);
    assert.deepEqual(await goOn(await damaged(), report, before), [
      ...[11, 0, 0, 0, 0],
    ]);
    assert.deepEqual(report.lost.map(({ count }) => count), [1]);
    if (what !== "payload") return;
    assert.equal(report.faults.length, 1);
    // Its records can still be read: they say which sector is lost.
    assert.deepEqual(
      report.lost[0]!.writes.map(({ volume, lba, sectorCount }) => [
        ...[volume, lba, sectorCount],
      ]),
      [["disk", 1, 1]],
    );
  });
}

for (const at of [0, 20, 900]) {
  Deno.test(`where the first batch is damaged at byte ${at}, nothing stands before the damage`, async () => {
    const rig = await journalOf(STAMPS);
    const [first] = segmentNames(rig) as [string];
    flip(rig, first, BATCH_LENGTH + at);
    const report = surveyJournal(rig.disk, checksum);
    assert.equal(report.keptBefore, 0);
    assert.deepEqual(report.lost.map(({ count }) => count), [1]);
    assert.deepEqual(await goOn(rig, report, report.batches), [
      ...[0, 22, 33, 44, 55],
    ]);
  });
}

for (const [index, what] of ["first", "last"].entries()) {
  Deno.test(`behind a damaged header of the ${what} segment the batches still prove themselves`, async () => {
    for (const at of [3, 10, 27, 44]) {
      const rig = await journalOf(STAMPS);
      const name = segmentNames(rig).at(-index)!;
      flip(rig, name, at);
      const report = surveyJournal(rig.disk, checksum);
      assert.match(report.faults[0]!, new RegExp(name));
      assert.deepEqual(await goOn(rig, report, report.batches), STAMPS);
    }
  });
}

Deno.test("a segment that vanished is a gap, and what follows is kept", async () => {
  const rig = await journalOf(STAMPS);
  const [first] = segmentNames(rig) as [string];
  rig.disk.remove(first);
  const report = surveyJournal(rig.disk, checksum);
  assert.deepEqual(await goOn(rig, report, report.batches), [0, 0, 0, 44, 55]);
});
