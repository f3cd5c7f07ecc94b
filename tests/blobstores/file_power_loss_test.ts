import assert from "node:assert/strict";
import { blobErrorCode, type BlobStore } from "../../blobstores/blob_store.ts";
import { type FileStore, openFileStore } from "../../blobstores/file_store.ts";
import { seededDice } from "./dice.ts";
import { CutError, type Dice, SimulatedDisk } from "./simulated_disk.ts";

const SEEDS = 12;
/** Two pieces, the second of no round length. */
const LARGE_BYTES: number = 2 ** 20 + 100;

/** What a key may hold: bodies that were asked for, and how far that came. */
interface Expectation {
  /** The last body whose put resolved; undefined before the first. */
  settled: Uint8Array | undefined;
  /** Bodies of puts that neither resolved nor were refused. */
  readonly pending: Set<Uint8Array>;
  /** A put was refused because there is a blob: so there must stay one. */
  refused?: boolean;
}

type Expectations = Map<string, Expectation>;

function body(length: number, first: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (first + index) % 251 + 1);
}

async function tryPut(
  store: BlobStore,
  expectations: Expectations,
  key: string,
  bytes: Uint8Array,
  ifAbsent: boolean,
): Promise<void> {
  const expectation = expectations.get(key) ??
    { settled: undefined, pending: new Set() };
  expectations.set(key, expectation);
  expectation.pending.add(bytes);
  try {
    await store.put(key, bytes, { ifAbsent });
    expectation.settled = bytes;
    expectation.pending.clear();
  } catch (error) {
    if (blobErrorCode(error) !== "AlreadyExists") throw error;
    expectation.pending.delete(bytes);
    expectation.refused = true;
  }
}

function openOn(disk: SimulatedDisk, writerId: string): Promise<FileStore> {
  return openFileStore({ path: "/srv/archive", disk, writerId, create: true });
}

/** New, nested, replaced, contended and refused blobs. */
async function workload(
  disk: SimulatedDisk,
  expectations: Expectations,
): Promise<void> {
  const store = await openOn(disk, "first");
  await store.hold();
  const put = tryPut.bind(null, store, expectations);
  await put("format", body(20, 1), true);
  await Promise.all([
    put("packs/00/one", body(3000, 2), true),
    put("packs/00/two", body(1, 3), true),
    put("packs/01/three", body(0, 4), false),
  ]);
  await put("roots/disk/1", body(400, 5), true);
  await put("format", body(21, 6), true);
  await put("packs/00/one", body(3000, 7), false);
  await Promise.all([
    put("epoch/1", body(9, 8), true),
    put("epoch/1", body(9, 9), true),
  ]);
}

async function readIfThere(
  store: BlobStore,
  key: string,
): Promise<Uint8Array | undefined> {
  return (await store.head(key)) === null ? undefined : await store.get(key);
}

function same(left: Uint8Array | undefined, right: Uint8Array): boolean {
  return left !== undefined && left.length === right.length &&
    left.every((byte, index) => byte === right[index]);
}

async function checkState(
  disk: SimulatedDisk,
  expectations: Expectations,
): Promise<void> {
  const store = await openOn(disk, "second");
  assert.notEqual(await store.hold(), null, "a dead holder's hold is gone");
  for (const [key, { settled, pending, refused }] of expectations) {
    const found = await readIfThere(store, key);
    const allowed = settled === undefined
      ? [...pending]
      : [settled, ...pending];
    const absent = settled === undefined && found === undefined && !refused;
    assert.ok(
      absent || allowed.some((candidate) => same(found, candidate)),
      `${key} has ${found?.length} bytes that nobody stored`,
    );
  }
  for await (const { key } of store.list("")) {
    assert.ok(expectations.has(key), `${key} was never put`);
  }
  const drafts = await disk.status("/srv/archive/tmp") === null
    ? []
    : await disk.readFolder("/srv/archive/tmp");
  assert.deepEqual(drafts, [], "a claim removes drafts");
  await store.put("after/the/cut", body(5, 1), { ifAbsent: true });
  assert.deepEqual([...await store.get("after/the/cut")], [...body(5, 1)]);
}

/** A blob that is large, and one that takes its place. */
async function largeWorkload(
  disk: SimulatedDisk,
  expectations: Expectations,
): Promise<void> {
  const store = await openOn(disk, "first");
  await store.hold();
  const put = tryPut.bind(null, store, expectations);
  await put("packs/00/one", body(LARGE_BYTES, 1), true);
  await put("packs/00/one", body(LARGE_BYTES, 2), false);
}

/** Runs a workload on a disk that stops at an operation. */
async function runUntil(
  cutAt: number,
  disk: SimulatedDisk,
  run: typeof workload = workload,
): Promise<{ expectations: Expectations; finished: boolean }> {
  const expectations: Expectations = new Map();
  disk.cutAt = cutAt;
  try {
    await run(disk, expectations);
    return { expectations, finished: true };
  } catch (error) {
    assert.ok(isCut(error), String(error));
    // The other puts of a batch still settle: let them.
    for (let turn = 0; turn < 200; turn++) await Promise.resolve();
    return { expectations, finished: false };
  }
}

function isCut(error: unknown): boolean {
  return error instanceof CutError ||
    (error instanceof Error && error.cause instanceof CutError);
}

function newDisk(
  links: boolean,
  broken?: "sync" | "syncFolder",
): SimulatedDisk {
  const disk = new SimulatedDisk();
  disk.links = links;
  if (broken !== undefined) disk.broken.add(broken);
  return disk;
}

/** Dice of one throw: all that was not synced is lost, or all is kept. */
const CONSTANT_DICE: readonly Dice[] = [() => 0, () => 0.999];

function diceOf(seed: number): Dice {
  return CONSTANT_DICE[seed] ?? seededDice(seed);
}

async function cutEverywhere(
  make: () => SimulatedDisk,
  check: (disk: SimulatedDisk, expectations: Expectations) => Promise<void>,
  run: typeof workload = workload,
): Promise<number> {
  for (let cutAt = 0;; cutAt++) {
    const disk = make();
    const { expectations, finished } = await runUntil(cutAt, disk, run);
    await check(disk, expectations);
    if (finished) return cutAt;
  }
}

for (const links of [true, false]) {
  const kind = links ? "with links" : "without links";

  Deno.test(`a put survives a loss of power after any operation, ${kind}`, async () => {
    const cuts = await cutEverywhere(
      () => newDisk(links),
      async (disk, expectations) => {
        for (let seed = 0; seed < SEEDS; seed++) {
          await checkState(disk.afterPowerLoss(diceOf(seed)), expectations);
        }
      },
    );
    assert.ok(cuts > 60, `the workload has only ${cuts} operations`);
  });

  Deno.test(`what a new holder finds after a kill survives a loss of power, ${kind}`, async () => {
    await cutEverywhere(() => newDisk(links), async (disk, expectations) => {
      const killed = disk.afterKill();
      const store = await openOn(killed, "second");
      await store.hold();
      const visible: Expectations = new Map();
      for await (const { key } of store.list("")) {
        const settled = await store.get(key);
        const { pending } = expectations.get(key)!;
        visible.set(key, { settled, pending: new Set() });
        const { settled: asked } = expectations.get(key)!;
        const allowed = asked === undefined
          ? [...pending]
          : [asked, ...pending];
        assert.ok(allowed.some((candidate) => same(settled, candidate)), key);
      }
      await tryPut(store, visible, "since/then", body(7, 7), true);
      for (let seed = 0; seed < SEEDS; seed++) {
        await checkState(killed.afterPowerLoss(diceOf(seed)), visible);
      }
    });
  });

  Deno.test(`what a put is refused for is durable, ${kind}`, async () => {
    for (let cutAt = 0;; cutAt++) {
      const disk = newDisk(links);
      const { expectations, finished } = await runUntil(cutAt, disk);
      const killed = disk.afterKill();
      const store = await openOn(killed, "second");
      for (const key of expectations.keys()) {
        const kept = await readIfThere(store, key);
        const refused = await store.put(key, body(2, 9), { ifAbsent: true })
          .then(
            () => false,
            (error) => blobErrorCode(error) === "AlreadyExists",
          );
        if (!refused || kept === undefined) continue;
        const after = await openOn(killed.afterPowerLoss(() => 0), "third");
        assert.ok(same(await after.get(key), kept), key);
      }
      if (finished) return;
    }
  });

  for (const broken of ["sync", "syncFolder"] as const) {
    Deno.test(`the simulation notices a disk whose ${broken} does nothing, ${kind}`, async () => {
      await assert.rejects(cutEverywhere(
        () => newDisk(links, broken),
        async (disk, expectations) => {
          for (let seed = 0; seed < SEEDS; seed++) {
            await checkState(disk.afterPowerLoss(diceOf(seed)), expectations);
          }
        },
      ));
    });
  }
}

for (const direct of [true, false]) {
  const kind = direct ? "past the system's memory" : "where that cannot be";
  const make = (): SimulatedDisk => {
    const disk = newDisk(true);
    disk.direct = direct;
    return disk;
  };
  const check = async (
    disk: SimulatedDisk,
    expectations: Expectations,
  ): Promise<void> => {
    for (const dice of CONSTANT_DICE) {
      await checkState(disk.afterPowerLoss(dice), expectations);
    }
  };

  Deno.test(`a large put survives a loss of power after any operation, ${kind}`, async () => {
    const cuts = await cutEverywhere(make, check, largeWorkload);
    assert.ok(cuts > 12, `the workload has only ${cuts} operations`);
  });

  Deno.test(`the simulation notices a sync that does nothing of a large put, ${kind}`, async () => {
    await assert.rejects(cutEverywhere(
      () => {
        const disk = make();
        disk.broken.add("sync");
        return disk;
      },
      check,
      largeWorkload,
    ));
  });
}
