import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { BlockKind } from "../../cas/block_store.ts";
import { createPortableLz4 } from "../../cas/codec/lz4.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { locateBlocks } from "../../cas/engine/locate.ts";
import type { ReadyBlocks } from "../../cas/engine/open_blocks.ts";
import { DiskIndex } from "../../cas/index/disk_index.ts";
import { PlacedBlocks } from "../../cas/transfer/placed_blocks.ts";
import type { TransferContext } from "../../cas/transfer/transfer_context.ts";
import { seededRandom } from "./index_rig.ts";
import {
  hasher,
  noise,
  openRig,
  PliableStore,
  scoreOf,
  writeBlocks,
} from "./packs_rig.ts";

type Rig = ReturnType<typeof openRig>;

const BLOCKS = Array.from(
  { length: 90 },
  (_, seed) => ({ kind: BlockKind.Data, bytes: noise(seed) }),
);

function openDiskRig(store: PliableStore, disk: SimulatedDisk): Rig {
  const index = DiskIndex.open({
    disk,
    identity: "archive 1",
    hash: hasher.hash,
    onEvent: () => {},
    tableEntriesMax: 30,
  });
  return openRig({ store, index, packBytesMax: 420_000 });
}

function emptyDisk(seed: number): SimulatedDisk {
  return new SimulatedDisk({ random: seededRandom(seed) });
}

/** Looks many blocks of a pack up, so that its directory is remembered. */
async function remember(packs: Rig["packs"]): Promise<void> {
  for (const block of BLOCKS.slice(0, 40)) {
    packs.locate(scoreOf(block), 0, true);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

Deno.test("a block whose remembered copy is damaged is read where the index names it", async () => {
  const store = new PliableStore();
  const twice = BLOCKS[80]!;
  // Of two writers neither of which knows the other.
  const one = openDiskRig(store, emptyDisk(1));
  const [whole] = (await writeBlocks(one.packs, BLOCKS)).names;
  await one.packs.close();
  const other = openDiskRig(store, emptyDisk(2));
  const [alone] = (await writeBlocks(other.packs, [twice])).names;
  await other.packs.close();
  const disk = emptyDisk(4);
  const both = openDiskRig(store, disk);
  await both.packs.addPacks([alone!]);
  await both.packs.addPacks([whole!]);
  await both.packs.close();

  const key = [...store.space.blobs.keys()].find((it) => it.includes(whole!));
  const pack = store.space.blobs.get(key!)!;
  const at = Buffer.from(pack).indexOf(Buffer.from(twice.bytes));
  pack[at + 7]! ^= 1;
  const { packs } = openDiskRig(store, disk);
  await remember(packs);
  const score = scoreOf(twice);
  assert.equal(packs.locate(score, 0, true)?.pack, whole);
  assert.equal(packs.locate(score, 0)?.pack, alone);

  const ready = { blocks: packs } as unknown as ReadyBlocks;
  const placed = new PlacedBlocks({
    store,
    hasher,
    lz4: createPortableLz4(),
    onEvent: () => {},
    sleep: () => Promise.resolve(),
    archive: {
      operate: (_: string, request: Parameters<typeof locateBlocks>[0]) =>
        locateBlocks(request, ready),
    },
  } as unknown as TransferContext);
  const told: string[] = [];
  await placed.read(BlockKind.Data, score, (index, block, damage) => {
    const isSound = block !== undefined &&
      Buffer.from(block).equals(Buffer.from(twice.bytes));
    told.push(`${index} ${isSound ? "sound" : damage?.reason}`);
  });
  assert.deepEqual(told, ["0 sound"]);
  placed.close();
  await packs.close();
});

Deno.test("looking blocks up asks nothing of the store, unless any copy will do", async () => {
  const store = new PliableStore();
  const disk = emptyDisk(4);
  const first = openDiskRig(store, disk);
  await writeBlocks(first.packs, BLOCKS);
  await first.packs.close();
  const { packs } = openDiskRig(store, disk);
  let getCount = 0;
  store.onGet = (bytes) => {
    getCount++;
    return bytes;
  };
  for (const block of BLOCKS) {
    assert.ok(packs.locate(scoreOf(block), 0) !== undefined);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert.equal(getCount, 0);
  await remember(packs);
  assert.ok(getCount > 0);
  await packs.close();
});
