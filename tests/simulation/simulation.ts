/**
 * One run of the simulation: an archive, its clients, and everything that can
 * go wrong, from one seed.
 */

import {
  checkpoint,
  create,
  flush,
  grow,
  Interruption,
  openVolume,
  read,
  readSnapshot,
  snapshot,
  write,
} from "./client_actions.ts";
import { audit } from "./audit.ts";
import { checkHistory, checkNames, scrub } from "./books.ts";
import { fillUp } from "./fullness.ts";
import { changeClosed, crash, damage, restart, weather } from "./hazards.ts";
import { workOnIndex } from "./index_work.ts";
import type { Plant } from "./plant.ts";
import { messageOf, Run } from "./run.ts";
import { loseMachine, takeOver } from "./takeover.ts";
import { wrongCopy } from "./wrong_copy.ts";

/** What a run came to. */
export interface SimulationResult {
  readonly seed: number;
  /** Of everything that happened. */
  readonly logHash: string;
  readonly operationCount: number;
  readonly eventCount: number;
  /** How often each action was done. */
  readonly actions: Readonly<Record<string, number>>;
  /** What was found wrong; absent when nothing was. */
  readonly failure?: string;
  /** What happened last. */
  readonly lastEvents: readonly string[];
}

export interface SimulationOptions {
  readonly seed: number;
  readonly operationCount: number;
  readonly plant?: Plant;
}

interface Action {
  readonly weight: number;
  readonly run: (run: Run) => void | Promise<void>;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  write: { weight: 40, run: (run) => void onOpen(run, write) },
  burst: {
    weight: 4,
    run: (run) => {
      for (let left = 10; left > 0; left--) onOpen(run, write);
    },
  },
  read: { weight: 20, run: (run) => onOpen(run, read) },
  pass: { weight: 6, run: (run) => run.world.pass(run.world.below(1500)) },
  checkpoint: { weight: 4, run: checkpoint },
  flush: { weight: 2, run: (run) => onOpen(run, flush) },
  snapshot: { weight: 4, run: (run) => onOpen(run, snapshot) },
  "read snapshot": { weight: 3, run: readSomeSnapshot },
  create: { weight: 2, run: create },
  grow: { weight: 1.5, run: (run) => onOpen(run, grow) },
  names: { weight: 2, run: checkNames },
  history: { weight: 2, run: checkHistory },
  scrub: { weight: 1, run: scrub },
  "work on the index": { weight: 1, run: workOnIndex },
  weather: { weight: 5, run: weather },
  damage: { weight: 1.5, run: damage },
  "wrong copy": { weight: 1.5, run: wrongCopy },
  crash: { weight: 3, run: crash },
  restart: { weight: 1, run: restart },
  "fill up": { weight: 0.7, run: fillUp },
  "change closed": { weight: 2.5, run: changeClosed },
  "take over": { weight: 1.2, run: takeOver },
  "lose machine": { weight: 1, run: loseMachine },
};

const NAMES: readonly string[] = Object.keys(ACTIONS);
const WEIGHT_SUM: number = Object.values(ACTIONS).reduce(
  (sum, { weight }) => sum + weight,
  0,
);

/** Runs a seed; what is wrong is told, not thrown. */
export async function simulate(
  { seed, operationCount, plant = {} }: SimulationOptions,
): Promise<SimulationResult> {
  const run = new Run(seed, plant);
  const actions: Record<string, number> = {};
  let failure: string | undefined;
  try {
    await run.start();
    await create(run).catch(ifInterrupted(run));
    for (const volume of run.volumes) {
      if (!run.server.disks.has(volume.name)) await openVolume(run, volume);
    }
    while (run.operationCount < operationCount) {
      const name = choose(run);
      actions[name] = (actions[name] ?? 0) + 1;
      run.operationCount++;
      await ACTIONS[name]!.run(run)?.catch(ifInterrupted(run));
      if (run.world.chance(0.6)) await run.world.steps(run.world.below(30));
      run.throwIfFailed();
    }
    await audit(run);
    run.throwIfFailed();
  } catch (error) {
    failure = error instanceof Error && error.name === "Violation"
      ? error.message
      : `unexpected: ${
        error instanceof Error ? error.stack : messageOf(error)
      }`;
  }
  const { log } = run.world;
  return {
    seed,
    logHash: log.hash,
    operationCount: run.operationCount,
    eventCount: log.count,
    actions: { ...actions, refusals: run.refusalCount },
    ...(failure === undefined ? {} : { failure }),
    lastEvents: log.last(3000),
  };
}

function choose(run: Run): string {
  let left = run.world.random() * WEIGHT_SUM;
  for (const name of NAMES) {
    left -= ACTIONS[name]!.weight;
    if (left < 0) return name;
  }
  return "pass";
}

function ifInterrupted(run: Run): (error: unknown) => Promise<void> {
  return async (error) => {
    if (!(error instanceof Interruption)) throw error;
    await crash(run);
  };
}

function onOpen<Result>(
  run: Run,
  act: (run: Run, volume: Run["volumes"][number]) => Result,
): Result | undefined {
  const open = run.open();
  return open.length === 0 ? undefined : act(run, run.world.oneOf(open));
}

async function readSomeSnapshot(run: Run): Promise<void> {
  const volumes = run.shown().filter(({ snapshots }) => snapshots.size > 0);
  if (volumes.length === 0) return;
  const volume = run.world.oneOf(volumes);
  const name = run.world.oneOf([...volume.snapshots.keys()]);
  await readSnapshot(run, volume, name);
}
