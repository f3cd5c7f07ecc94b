/**
 * Loses power after every operation of a recorded workload.
 */

import assert from "node:assert/strict";
import {
  type DiskOperation,
  SimulatedDisk,
} from "../../cas/disk/simulated_disk.ts";
import type { Random } from "../../cas/disk/simulated_file.ts";
import {
  openRig,
  pick,
  quiet,
  type Rig,
  seeded,
  segmentNames,
} from "./front/fixtures.ts";
import { type Bounds, History } from "./front/history.ts";
import type { ModelArchive } from "./front/model_port.ts";
import { ModelArchive as Archive } from "./front/model_port.ts";

const VOLUMES = ["alpha", "beta"];
const BLOCK_COUNT = 24;
const CRASHES_PER_CUT = 2;

interface Cut {
  readonly where: string;
  readonly disk: SimulatedDisk;
  readonly archive: ModelArchive;
  readonly bounds: readonly Bounds[];
}

interface Snapshot {
  readonly name: string;
  readonly volume: number;
  readonly oldest: Int32Array;
  newest: Int32Array;
}

interface Run {
  readonly cuts: Cut[];
  readonly histories: History[];
  readonly snapshots: Snapshot[];
}

async function openVolumes(rig: Rig): Promise<History[]> {
  const histories: History[] = [];
  for (const volume of VOLUMES) {
    const request = { volume, createBlockCount: BLOCK_COUNT };
    histories.push(new History(await rig.front.openVolume(request)));
  }
  return histories;
}

function writeSome(random: Random, history: History): void {
  const sectorCount = 1 + pick(random, random() < 0.3 ? 24 : 4);
  const lba = pick(random, BLOCK_COUNT * 8 - sectorCount);
  history.write(lba, sectorCount);
}

async function record(seed: number, faults: boolean): Promise<Run> {
  const random = seeded(seed);
  const run: Run = { cuts: [], histories: [], snapshots: [] };
  const archive = new Archive();
  function cut(where: string): void {
    if (run.histories.length === 0) return;
    for (let index = 0; index < CRASHES_PER_CUT; index++) {
      run.cuts.push({
        where: `seed ${seed}, ${where}, crash ${index}`,
        disk: disk.afterPowerLoss(random),
        archive: archive.clone(),
        bounds: run.histories.map((history) => history.bounds()),
      });
    }
  }
  const disk: SimulatedDisk = new SimulatedDisk({
    random,
    syncDelay: () => random() < 0.5 ? Promise.resolve() : quiet(),
    onOperation(operation: DiskOperation): void {
      cut(`after operation ${operation.index}: ${operation.kind}`);
    },
    fault(operation: DiskOperation): string | undefined {
      if (!faults || run.histories.length === 0) return undefined;
      const kind = operation.kind === "sync" || operation.kind === "write";
      return kind && random() < 0.15 ? "EIO" : undefined;
    },
  });
  const rig = await openRig({
    archive,
    disk,
    slots: 64,
    budget: { checkpointBytes: 60_000, batchBytesMax: 64 * 1024 },
    port: {
      async pause(where): Promise<void> {
        cut(`in the engine: ${where}`);
        if (random() < 0.7) await quiet();
      },
    },
  });
  run.histories.push(...await openVolumes(rig));
  await drive(rig, run, random);
  await rig.front.abandon();
  return run;
}

async function drive(rig: Rig, run: Run, random: Random): Promise<void> {
  const waiting: Promise<unknown>[] = [];
  for (let step = 0; step < 40; step++) {
    const burst = 1 + pick(random, 3);
    for (let index = 0; index < burst; index++) {
      writeSome(random, run.histories[pick(random, 2)] as History);
    }
    const luck = random();
    if (luck < 0.06) waiting.push(rig.front.checkpoint());
    else if (luck < 0.12 || step % 15 === 7) {
      waiting.push(takeSnapshot(rig, run, step));
    }
    if (random() < 0.7) await quiet();
    await rig.clock.advance(60);
  }
  for (let turn = 0; turn < 40; turn++) await rig.clock.advance(6000);
  await Promise.all(waiting);
}

async function takeSnapshot(rig: Rig, run: Run, step: number): Promise<void> {
  const volume = step % 2;
  const history = run.histories[volume] as History;
  const before = history.bounds();
  const name = `snapshot-${step}`;
  const snapshot: Snapshot = {
    name,
    volume,
    oldest: before.newest,
    newest: before.newest,
  };
  await rig.front.snapshot(VOLUMES[volume] as string, name);
  // It may have waited for a checkpoint under way before it froze its state.
  snapshot.newest = history.bounds().newest;
  run.snapshots.push(snapshot);
}

async function verifyCut(run: Run, cut: Cut, random: Random): Promise<void> {
  const { disk, archive } = cut;
  const rig = await openRig({ archive, disk, slots: 64 });
  for (let index = 0; index < VOLUMES.length; index++) {
    const request = { volume: VOLUMES[index] as string };
    const volume = await rig.front.openVolume(request);
    const history = run.histories[index] as History;
    await history.check(volume, cut.bounds[index] as Bounds, cut.where);
  }
  for (const { name, volume, oldest, newest } of run.snapshots) {
    const request = { volume: VOLUMES[volume] as string, snapshot: name };
    if (!archive.volumes.get(request.volume)?.snapshots.has(name)) continue;
    const disk = await rig.front.openVolume(request);
    const history = run.histories[volume] as History;
    await history.check(disk, { oldest, newest }, `${cut.where}, ${name}`);
  }
  if (random() < 0.3) await crashAgain(rig, cut, random);
  else await rig.front.abandon();
}

/** A second life after the first crash, and a second crash. */
async function crashAgain(rig: Rig, cut: Cut, random: Random): Promise<void> {
  const histories: History[] = [];
  for (const volume of VOLUMES) {
    const history = new History(await rig.front.openVolume({ volume }));
    // Every sector gets a value that this life knows.
    history.write(0, BLOCK_COUNT * 8);
    histories.push(history);
  }
  await rig.clock.advance(60);
  for (let step = 0; step < 6; step++) {
    writeSome(random, histories[step % 2] as History);
    if (random() < 0.2) await rig.front.checkpoint();
    if (random() < 0.5) await rig.clock.advance(60);
  }
  const bounds = histories.map((history) => history.bounds());
  const disk = rig.disk.afterPowerLoss(random);
  const archive = rig.archive.clone();
  await rig.front.abandon();
  const again = await openRig({ archive, disk, slots: 64 });
  for (let index = 0; index < VOLUMES.length; index++) {
    const history = histories[index] as History;
    const volume = VOLUMES[index] as string;
    const opened = await again.front.openVolume({ volume });
    const where = `${cut.where}, second life`;
    await history.check(opened, bounds[index] as Bounds, where);
  }
  await again.front.close();
  assert.deepEqual(segmentNames(again.disk), []);
}

for (const [seed, faults] of [[1, false], [2, true], [3, true]]) {
  Deno.test(
    `whatever operation power is lost after, reopening gives every acknowledged write (seed ${seed}, ${
      faults ? "failing" : "sound"
    } disk)`,
    async () => {
      const run = await record(seed as number, faults as boolean);
      const random = seeded(seed as number + 100);
      assert.ok(run.cuts.length > 300, `${run.cuts.length} cuts`);
      assert.ok(run.snapshots.length > 0);
      for (const cut of run.cuts) await verifyCut(run, cut, random);
    },
  );
}
