/**
 * Verified random I/O: writes and reads of runs of sectors at random places,
 * several at a time, compared with a model of the disk.
 */

import type { SectorRange } from "../../aoe/block_device.ts";
import type { RemoteTarget } from "../../aoe/initiator/remote_target.ts";
import { StampedSectors } from "./stamped_sectors.ts";

/** What {@link playRandomIo} plays. */
export interface RandomIoOptions {
  /** The disk; only its first `sectorCount` sectors are touched. */
  readonly target: RemoteTarget;
  /** How many. */
  readonly sectorCount: number;
  /** Chance. */
  readonly random: () => number;
  /** Asked before every round, with the runs played so far: whether to go on. */
  readonly goesOn: (runCount: number) => boolean;
  /** Told after every run. */
  readonly onRun?: () => void;
  /** Told after every round. */
  readonly onRound?: () => void;
}

/** Most sectors of a run: several frames, so that parts of it can be lost. */
const RUN_SECTORS_MAX = 40;

/** Runs on the way at any time. */
const LANE_COUNT = 8;

/**
 * Plays rounds until it is told to stop, then reads everything once more. Each
 * round cuts the disk into runs and writes some, reads others, in an order by
 * chance. So no sector is written twice in a round: a write that a network
 * delivers again after a newer one is nothing that an initiator could prevent.
 *
 * @returns how many runs were played
 * @throws {Error} when a request fails, or a sector is not what was written
 */
export async function playRandomIo(options: RandomIoOptions): Promise<number> {
  const { target, sectorCount } = options;
  const model = new StampedSectors(sectorCount);
  let runCount = 0;
  while (options.goesOn(runCount)) {
    const runs = shuffledRuns(options);
    runCount += runs.length;
    await Promise.all(
      Array.from({ length: LANE_COUNT }, async () => {
        for (let run = runs.pop(); run !== undefined; run = runs.pop()) {
          await play(run, model, options);
          options.onRun?.();
        }
      }),
    );
    options.onRound?.();
  }
  const all = { lba: 0, sectorCount };
  model.verify(all, await target.read(all));
  return runCount;
}

async function play(
  run: SectorRange,
  model: StampedSectors,
  { target, random }: RandomIoOptions,
): Promise<void> {
  if (random() < 0.5) {
    const { bytes, number } = model.issue(run);
    await target.write(run.lba, bytes);
    model.acknowledge(run, number);
  } else {
    model.verify(run, await target.read(run));
  }
}

function shuffledRuns({ random, sectorCount }: RandomIoOptions): SectorRange[] {
  const runs: SectorRange[] = [];
  for (let lba = 0; lba < sectorCount;) {
    const length = 1 + Math.floor(random() * RUN_SECTORS_MAX);
    const run = { lba, sectorCount: Math.min(length, sectorCount - lba) };
    runs.splice(Math.floor(random() * (runs.length + 1)), 0, run);
    lba += run.sectorCount;
  }
  return runs;
}
