/** What a probe tells of blocks of whose scores only the first 20 bytes are known. */

import assert from "node:assert/strict";
import { type BlockDamage, BlockKind } from "../../cas/block_store.ts";
import { scoresOfKeys } from "../../cas/bytes.ts";
import {
  assertReads,
  noise,
  onlyPack,
  openRig,
  type Rig,
  scoreOf,
  type TestBlock,
  writeBlocks,
} from "./packs_rig.ts";

/** Of every group of kinds one, and no bytes twice. */
const BLOCKS: readonly TestBlock[] = [
  { kind: BlockKind.Data, bytes: noise(1) },
  { kind: 1, bytes: noise(2) },
  { kind: 7, bytes: noise(3) },
  { kind: BlockKind.Root, bytes: noise(4, 300) },
];

async function probe(
  { packs }: Pick<Rig, "packs">,
  kind: number,
  block: TestBlock,
): Promise<BlockDamage | undefined> {
  const told: (BlockDamage | undefined)[] = [];
  const score = scoresOfKeys(scoreOf(block).subarray(0, 20));
  await packs.probe(kind, score, (index, damage) => {
    assert.equal(index, 0);
    told.push(damage);
  });
  assert.equal(told.length, 1);
  return told[0];
}

Deno.test("a probe finds sound blocks of every kind, and none by another kind", async () => {
  const rig = openRig();
  const { names: [pack] } = await writeBlocks(rig.packs, BLOCKS);
  for (const block of BLOCKS) {
    assert.equal(await probe(rig, block.kind, block), undefined);
  }
  for (const block of BLOCKS) {
    const kind = block.kind === 1 ? 2 : 1;
    const damage = await probe(rig, kind, block);
    assert.equal(damage?.pack, pack);
    assert.match(damage!.reason, /^its score is [0-9a-f]{64}$/);
  }
});

Deno.test("what a probe finds damaged or missing is stored again when it is written", async () => {
  const rig = openRig();
  await writeBlocks(rig.packs, BLOCKS);
  const pack = onlyPack(rig.store);
  pack[16 + 4096 + 100]! ^= 1;
  const found = [];
  for (const block of BLOCKS) found.push(await probe(rig, block.kind, block));
  assert.deepEqual(found.map((it) => it !== undefined), [
    false,
    true,
    false,
    false,
  ]);
  const { newCount } = await writeBlocks(rig.packs, BLOCKS);
  assert.equal(newCount, 1);
  assert.equal(await probe(rig, 1, BLOCKS[1]!), undefined);
  await assertReads(rig.packs, BLOCKS);
  const unknown = { kind: 1, bytes: noise(5) };
  const damage = await probe(rig, 1, unknown);
  assert.deepEqual(damage, { reason: "no pack is known to hold it" });
});

Deno.test("of a block in two packs the sound one counts, whichever is found first", async () => {
  const one = openRig();
  await writeBlocks(one.packs, BLOCKS);
  const other = openRig();
  await writeBlocks(other.packs, [...BLOCKS].reverse());
  onlyPack(one.store)[16 + 4096 + 100]! ^= 1;
  onlyPack(other.store).subarray(16).fill(0, 0, 250);
  const both = openRig();
  for (const { store } of [one, other]) {
    for (const [key, body] of store.space.blobs) {
      both.store.space.blobs.set(key, body);
    }
  }
  const names = [...both.store.space.blobs.keys()].map((key) => key.slice(9));
  for (const order of [names, names.toReversed()]) {
    const { packs } = openRig({ store: both.store });
    for (const name of order) await packs.addPacks([name]);
    await assertReads(packs, BLOCKS);
  }
});
