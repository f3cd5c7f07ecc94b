/**
 * Power lost after every operation that the whole archive does: on the
 * journal, on the index, on the blob store.
 */

import assert from "node:assert/strict";
import type { BlobStore } from "../../blobstores/blob_store.ts";
import { MemorySpace } from "../../blobstores/memory_store.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import type { Random } from "../../cas/disk/simulated_file.ts";
import { copySpace } from "../blobstores/copy_space.ts";
import { pick, quiet, seeded } from "../cas/front/fixtures.ts";
import { type Bounds, History } from "../cas/front/history.ts";
import { type Machine, type Stack, startStack } from "./stack.ts";

const VOLUMES = ["alpha", "beta"];
const BLOCK_COUNT = 40;
const STEP_COUNT = 90;

/** Puts something between the archive and its store. */
export type WrapStore = (store: BlobStore) => BlobStore;

/** What power loss left, and what must be found in it. */
export interface Cut {
  readonly where: string;
  readonly machine: Machine;
  readonly bounds: readonly Bounds[];
}

/** A workload and all its cuts. */
export interface Run {
  readonly cuts: Cut[];
  readonly histories: History[];
  /** The newest write to each sector when each snapshot was asked for. */
  readonly snapshots: Map<string, Int32Array>;
}

/**
 * Runs a workload, and notes what power loss would leave after each operation.
 * `wrap` is put around the store in which puts take effect.
 */
export async function recordCuts(
  seed: number,
  wrap: WrapStore = (store) => store,
): Promise<Run> {
  const random = seeded(seed);
  const run: Run = { cuts: [], histories: [], snapshots: new Map() };
  const cut = (where: string): void => {
    if (run.histories.length < VOLUMES.length) return;
    run.cuts.push({
      where: `seed ${seed}, after ${where}`,
      machine: {
        journal: machine.journal.afterPowerLoss(random),
        index: machine.index.afterPowerLoss(random),
        space: copySpace(machine.space),
        // Saved without a sync: it may be older than what it tells of.
        hints: random() < 0.5 ? machine.hints : undefined,
      },
      bounds: run.histories.map((history) => history.bounds()),
    });
  };
  const diskOf = (name: string): SimulatedDisk =>
    new SimulatedDisk({
      random,
      syncDelay: () => random() < 0.5 ? Promise.resolve() : quiet(),
      onOperation: ({ kind, index }) => cut(`${name} ${kind} ${index}`),
    });
  const machine: Machine = {
    journal: diskOf("journal"),
    index: diskOf("index"),
    space: new MemorySpace(),
    hints: undefined,
  };
  const stack = await startStack(
    machine,
    (store) => wrap(cutAtPuts(store, random, cut)),
  );
  for (const volume of VOLUMES) {
    const request = { volume, createBlockCount: BLOCK_COUNT };
    run.histories.push(new History(await stack.front.openVolume(request)));
  }
  await drive(stack, run, random);
  await stack.end();
  return run;
}

/** A store under which power may be lost before and after each put. */
function cutAtPuts(
  store: BlobStore,
  random: Random,
  cut: (where: string) => void,
): BlobStore {
  const put = store.put.bind(store);
  store.put = async (key, body, options): Promise<void> => {
    cut(`the start of put ${key}`);
    // Puts overtake each other unless somebody waits for them.
    while (random() < 0.5) await quiet();
    await put(key, body, options);
    cut(`put ${key}`);
  };
  return store;
}

async function drive(stack: Stack, run: Run, random: Random): Promise<void> {
  const waiting: Promise<unknown>[] = [];
  for (let step = 0; step < STEP_COUNT; step++) {
    const volume = pick(random, VOLUMES.length);
    const history = run.histories[volume]!;
    const sectorCount = 1 + pick(random, random() < 0.3 ? 64 : 4);
    history.write(pick(random, BLOCK_COUNT * 8 - sectorCount), sectorCount);
    if (random() < 0.1) waiting.push(stack.front.checkpoint());
    if (step % 20 === 10 || random() < 0.05) {
      const name = `at-${step}`;
      run.snapshots.set(name, history.bounds().newest);
      waiting.push(stack.front.snapshot(VOLUMES[volume]!, name));
    }
    if (random() < 0.7) await quiet();
  }
  await Promise.all(waiting);
}

/** Starts the archive after a cut: it must have all that was acknowledged, and complain of nothing. */
export async function verifyCut(
  run: Run,
  cut: Cut,
  wrap?: WrapStore,
): Promise<void> {
  const stack = await startStack(cut.machine, wrap);
  for (let index = 0; index < VOLUMES.length; index++) {
    const volume = await stack.front.openVolume({ volume: VOLUMES[index]! });
    await run.histories[index]!.check(volume, cut.bounds[index]!, cut.where);
  }
  for (const { volume, name } of await stack.port.listSnapshots()) {
    const index = VOLUMES.indexOf(volume);
    const disk = await stack.front.openVolume({ volume, snapshot: name });
    await run.histories[index]!.check(disk, {
      oldest: run.snapshots.get(name)!,
      newest: cut.bounds[index]!.newest,
    }, `${cut.where}, snapshot ${name}`);
  }
  const bad = stack.events.filter(({ severity }) =>
    severity === "corrupt" || severity === "admin"
  );
  assert.deepEqual(bad, [], cut.where);
  await stack.end();
}
