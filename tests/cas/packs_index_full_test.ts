/** Packs whose index takes no more, for its disk is full. */

import assert from "node:assert/strict";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { DiskIndex } from "../../cas/index/disk_index.ts";
import { seeded } from "./front/fixtures.ts";
import {
  assertReads,
  hasher,
  openRig,
  sampleBlocks,
  writeBlocks,
} from "./packs_rig.ts";

Deno.test("while the index takes no more, attempts to write put no packs, and there is room for them again", async () => {
  let full = true;
  const disk = new SimulatedDisk({
    random: seeded(1),
    fault: ({ kind }) => full && kind === "write" ? "ENOSPC" : undefined,
  });
  const index = DiskIndex.open({
    disk,
    identity: "archive",
    hash: hasher.hash,
    onEvent: () => {},
    tableEntriesMax: 4,
  });
  const { packs, store } = openRig({ index });
  const put: string[] = [];
  store.afterPut = (key) => put.push(key);
  let seed = 1;
  while (packs.shortage === undefined) {
    await writeBlocks(packs, sampleBlocks(5, seed++));
  }
  const taken = put.length;
  // A checkpoint that is tried again is another one: its time is in it.
  for (let attempt = 0; attempt < 5; attempt++) {
    await assert.rejects(
      writeBlocks(packs, sampleBlocks(5, seed++)),
      /before it can be saved: .*ENOSPC/,
    );
  }
  assert.equal(put.length, taken, "each would stay in the store for good");
  full = false;
  const blocks = sampleBlocks(5, seed);
  await writeBlocks(packs, blocks);
  assert.equal(put.length, taken + 1);
  await assertReads(packs, blocks);
  assert.equal(packs.shortage, undefined);
  await packs.close();
});
