/** Names and histories: what was told once stays true. */

import type { VolumeModel } from "./model.ts";
import { codeOf, messageOf, type Run } from "./run.ts";
import { Violation } from "./world.ts";

const PAGE_COUNT = 20;
const SCRUB_STEP_BYTES = 4096;

/** Compares the names of volumes and snapshots with those that should be. */
export async function checkNames(run: Run): Promise<void> {
  if (run.pendingChanges.length > 0 || run.troubled) return;
  const { port } = run.server;
  for (const retired of [false, true]) {
    const list = await run.settle(
      port.operate("volume list", { retired }),
      "volume list",
    );
    const expected = run.volumes.filter((it) => it.retired === retired);
    // What came late counts as retired, under a name that another has.
    const listed = retired
      ? list.filter(({ volume }) => !run.contested.has(volume))
      : list;
    same(
      listed.map(({ volume, blockCount }) => `${volume} ${blockCount}`),
      expected.map(({ name, sectorCount }) => `${name} ${sectorCount / 8}`),
      "The volumes are",
    );
  }
  const told = run.volumes.map(({ snapshots }) => new Map(snapshots));
  const snapshots = await run.settle(
    port.operate("snapshot list", {}),
    "snapshot list",
  );
  for (const [at, volume] of run.volumes.entries()) {
    if (volume.retired) continue;
    const names = new Set(
      snapshots.filter((it) => it.volume === volume.name).map((it) => it.name),
    );
    for (const [name, { sure }] of told[at]!) {
      if (names.delete(name) || !sure) continue;
      throw new Violation(`Snapshot ${name} of ${volume.name} is gone`);
    }
    for (const name of volume.snapshots.keys()) names.delete(name);
    if (names.size > 0 && run.unanswered.size === 0) {
      throw new Violation(`Nobody made ${[...names].join(" and ")}`);
    }
  }
}

/** Every state of a volume stays as it was told of, in order of time. */
export async function checkHistory(run: Run): Promise<void> {
  const shown = run.shown();
  if (shown.length === 0) return;
  const volume = run.world.oneOf(shown);
  try {
    await checkHistoryOf(run, volume);
  } catch (error) {
    if (error instanceof Violation || !run.troubled) throw error;
    run.world.note(`history: ${messageOf(error)}`);
  }
}

export async function checkHistoryOf(
  run: Run,
  volume: VolumeModel,
): Promise<void> {
  const { port } = run.server;
  const startMs = run.world.nowMs;
  const states: Told[] = [];
  let newer: { sequence: number; timeMs: number } | undefined;
  let fromSequence: number | undefined;
  do {
    const page = await run.settle(
      port.operate("history", {
        volume: volume.name,
        countMax: PAGE_COUNT,
        ...(fromSequence === undefined ? {} : { fromSequence }),
      }),
      `history ${volume.name}`,
    );
    fromSequence = page.nextSequence;
    for (const entry of page.entries) {
      if ("damage" in entry) {
        if (run.troubled) continue;
        throw new Violation(`There is no damage, but: ${entry.damage}`);
      }
      const { sequence, timeMs, rootHash, blockCount } = entry;
      if (
        newer !== undefined &&
        !(sequence < newer.sequence && timeMs <= newer.timeMs)
      ) {
        throw new Violation(
          `State ${sequence} of ${volume.name} is out of order`,
        );
      }
      newer = { sequence, timeMs };
      const told = `${rootHash} ${timeMs} ${blockCount}`;
      const before = volume.states.get(sequence);
      if (before !== undefined && before !== told) {
        throw new Violation(
          `State ${sequence} of ${volume.name} was ${before}, and is ${told}`,
        );
      }
      volume.states.set(sequence, told);
      states.push({ sequence, timeMs, rootHash });
    }
  } while (fromSequence !== undefined);
  if (!run.wasTroubled(startMs)) await checkTimes(run, volume, states);
}

/** A state of a history. */
interface Told {
  readonly sequence: number;
  readonly timeMs: number;
  readonly rootHash: string;
}

/** At a time, the newest state of before counts; `states` are all, newest first. */
async function checkTimes(
  run: Run,
  volume: VolumeModel,
  states: readonly Told[],
): Promise<void> {
  const { world, server: { port } } = run;
  const sinceMs = world.nowMs;
  const atMs = world.oneOf(states).timeMs + world.below(5) - 2;
  const expected = states.find(({ timeMs }) => timeMs <= atMs);
  const what = `state ${expected?.sequence} of ${volume.name} at ${atMs}`;
  world.note(what);
  try {
    const state = { volume: volume.name, atMs };
    const found = await run.settle(port.operate("state", { state }), what);
    // One that was on its way may be newer.
    const isNew = found.sequence > states[0]!.sequence && found.timeMs <= atMs;
    if (found.rootHash !== expected?.rootHash && !isNew) {
      throw new Violation(`${what}: ${found.sequence} is told`);
    }
  } catch (error) {
    if (error instanceof Violation) throw error;
    const isNone = expected === undefined && codeOf(error) === "NoRoot";
    if (!isNone && !run.wasTroubled(sinceMs)) {
      throw new Violation(`${what}: ${messageOf(error)}`);
    }
  }
}

/** Reads everything in the store: all damage is found, and nothing else. */
export async function scrub(run: Run): Promise<void> {
  const { world, damage, server } = run;
  run.calm();
  // A lost pack is missed only where a root names it.
  const damaged = damage.keys.filter((key) =>
    key.startsWith("packs/") && run.space.blobs.has(key)
  );
  const isSound = !run.troubled;
  let report;
  do {
    report = await run.settle(
      server.port.operate("scrub", { byteCountMax: SCRUB_STEP_BYTES }),
      "a scrub",
    );
  } while (report.endedMs === undefined);
  world.note(`scrub: ${report.faultCount} faults`);
  if (isSound && !run.troubled && report.faultCount > 0) {
    throw new Violation(
      `There is no damage, but a scrub found ${report.faults[0]?.key} ${
        report.faults[0]?.reason
      }`,
    );
  }
  const found = new Set(report.faults.map(({ key }) => key));
  for (const key of damaged) {
    if (!found.has(key)) throw new Violation(`A scrub has not found ${key}`);
  }
}

function same(
  found: readonly string[],
  expected: readonly string[],
  what: string,
): void {
  const sorted = (names: readonly string[]): string =>
    names.slice().sort().join(", ");
  if (sorted(found) === sorted(expected)) return;
  throw new Violation(`${what} ${sorted(found)}, not ${sorted(expected)}`);
}
