/** Packs over an index on a disk, which is damaged or lags behind: it is mended, and every block read. */

import assert from "node:assert/strict";
import type { BlockDamage } from "../../cas/block_store.ts";
import type { Disk } from "../../cas/disk/disk.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import { DiskIndex } from "../../cas/index/disk_index.ts";
import { seededRandom } from "./index_rig.ts";
import {
  assertReads,
  hasher,
  noise,
  openRig,
  PliableStore,
  scoreOf,
  type TestBlock,
  writeBlocks,
} from "./packs_rig.ts";

/** Names of what is told. */
const DAMAGED_AND_MENDED = ["index-damaged", "index-mended"];

function sampleBlocks(count: number): TestBlock[] {
  return Array.from(
    { length: count },
    (_, i) => ({ kind: 0, bytes: noise(i) }),
  );
}

/** Packs over a disk index, with the events of both. */
function openDiskRig(disk: Disk, store: PliableStore): ReturnType<
  typeof openRig
> {
  const events: ArchiveEvent[] = [];
  const index = DiskIndex.open({
    disk,
    identity: "archive 1",
    hash: hasher.hash,
    onEvent: (event) => events.push(event),
    tableEntriesMax: 30,
  });
  const onEvent = (event: ArchiveEvent): void => {
    events.push(event);
  };
  const rig = openRig({ store, index, onEvent, packBytesMax: 60_000 });
  return { ...rig, events };
}

Deno.test("packs put before a crash and not yet in the index are added again", async () => {
  const random = seededRandom(4);
  const disk = new SimulatedDisk({ random });
  const store = new PliableStore();
  const blocks = sampleBlocks(100);
  const first = openDiskRig(disk, store);
  const { names } = await writeBlocks(first.packs, blocks);
  const { packs } = openDiskRig(disk.afterPowerLoss(random), store);
  const unknown = names.filter((name) => !packs.knowsPack(name));
  assert.ok(unknown.length > 0);
  await packs.addPacks(unknown);
  await assertReads(packs, blocks);
  assert.equal((await writeBlocks(packs, blocks)).newCount, 0);
});

/** Damages the filter of every run. */
function damageFilters(disk: SimulatedDisk): void {
  for (const name of disk.list()) {
    if (!name.startsWith("run-")) continue;
    const file = disk.open(name);
    file.write(new Uint8Array(64), file.size - 200);
  }
}

/** Blocks that are written, and their index in use, every run of it damaged since. */
async function damagedInUse(): Promise<
  {
    readonly disk: SimulatedDisk;
    readonly store: PliableStore;
    readonly blocks: ReturnType<typeof sampleBlocks>;
    readonly rig: ReturnType<typeof openDiskRig>;
  }
> {
  const disk = new SimulatedDisk({ random: seededRandom(4) });
  const store = new PliableStore();
  const blocks = sampleBlocks(100);
  const rig = openDiskRig(disk, store);
  await writeBlocks(rig.packs, blocks);
  for (const name of disk.list()) {
    if (name.startsWith("run-")) {
      disk.open(name).write(new Uint8Array(64).fill(0xff), 100);
    }
  }
  return { disk, store, blocks, rig };
}

Deno.test("an index damaged while in use is rebuilt, and the read that found it is told to wait", async () => {
  const { disk, store, blocks, rig } = await damagedInUse();
  const { packs, events } = rig;
  const missed: (BlockDamage | undefined)[] = [];
  await packs.read(0, scoreOf(blocks[0]!), (_, block, damage) => {
    assert.equal(block, undefined);
    missed.push(damage);
  });
  assert.deepEqual(missed.map((it) => it?.unsettled), [true]);
  assert.equal(await packs.mend(), 1);
  await assertReads(packs, blocks);
  assert.deepEqual(events.map((event) => event.event), DAMAGED_AND_MENDED);
  assert.equal((await writeBlocks(packs, blocks)).newCount, 0);
  await packs.close();
  const reopened = openDiskRig(disk, store);
  await assertReads(reopened.packs, blocks);
  assert.deepEqual(reopened.events, []);
});

Deno.test("an index found damaged while packs are added is rebuilt", async () => {
  const disk = new SimulatedDisk({ random: seededRandom(4) });
  const store = new PliableStore();
  const blocks = sampleBlocks(100);
  const { packs } = openDiskRig(disk, store);
  const { names } = await writeBlocks(packs, blocks.slice(0, 70));
  await packs.close();
  const other = openRig({ store });
  const more = await writeBlocks(other.packs, blocks.slice(70));
  damageFilters(disk);
  const reopened = openDiskRig(disk, store);
  assert.ok(names.every((name) => reopened.packs.knowsPack(name)));
  await reopened.packs.addPacks(more.names);
  assert.deepEqual(
    reopened.events.map((event) => event.event),
    DAMAGED_AND_MENDED,
  );
  await assertReads(reopened.packs, blocks);
});

Deno.test("a writer that meets a damaged index stores blocks again rather than fail", async () => {
  const { blocks, rig } = await damagedInUse();
  const { packs, events } = rig;
  await writeBlocks(packs, blocks);
  assert.deepEqual(events.map((event) => event.event), ["index-damaged"]);
  await packs.mend();
  await assertReads(packs, blocks);
});

Deno.test("a writer that meets damaged filters stores blocks again rather than fail", async () => {
  const disk = new SimulatedDisk({ random: seededRandom(4) });
  const store = new PliableStore();
  const blocks = sampleBlocks(100);
  const { packs } = openDiskRig(disk, store);
  await writeBlocks(packs, blocks);
  await packs.close();
  damageFilters(disk);
  const reopened = openDiskRig(disk, store);
  assert.ok((await writeBlocks(reopened.packs, blocks)).newCount > 0);
  const told = reopened.events.map((event) => event.event);
  assert.deepEqual(told, ["index-damaged"]);
  await reopened.packs.mend();
  await assertReads(reopened.packs, blocks);
});
