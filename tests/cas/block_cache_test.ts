/** The cache of blocks agrees with a model, whoever owns them and whatever order they come in. */

import assert from "node:assert/strict";
import { BLOCK_SIZE, BlockPool } from "../../cas/block_pool.ts";
import {
  BlockCache,
  CacheAnswer,
  CachedBlocks,
} from "../../cas/front/block_cache.ts";
import { seeded } from "./front/fixtures.ts";

const SLOT_COUNT = 300;
const STEPS = 20_000;
const OWNERS = 3;
/** So few that they come again, and far apart. */
const BLOCKS: readonly number[] = Array.from(
  { length: 400 },
  (_, index) => index < 200 ? index : index * 2 ** 36,
);

Deno.test("each view finds its own blocks, as long as nobody took their slots", () => {
  const random = seeded(7);
  const pick = (count: number): number => Math.floor(random() * count);
  const cache = new BlockCache(BlockPool.allocate(SLOT_COUNT));
  const views = Array.from({ length: OWNERS }, () => ({
    blocks: new CachedBlocks(cache),
    expected: new Map<number, number>(),
  }));
  const taken: number[] = [];
  const forget = (slot: number): void => {
    for (const { expected } of views) {
      for (const [block, its] of expected) {
        if (its === slot) expected.delete(block);
      }
    }
  };
  for (let step = 0; step < STEPS; step++) {
    const { blocks, expected } = views[pick(OWNERS)]!;
    const block = BLOCKS[pick(BLOCKS.length)]!;
    const what = random();
    if (what < 0.5) {
      const slot = cache.take();
      assert.equal(slot < 0, taken.length === SLOT_COUNT);
      if (slot < 0) continue;
      assert.ok(!taken.includes(slot), "nobody else has it");
      forget(slot);
      if (taken.length < 20 && random() < 0.1) {
        taken.push(slot);
        continue;
      }
      blocks.put(block, slot);
      expected.set(block, slot);
    } else if (what < 0.9) {
      const found = blocks.find(block);
      assert.equal(found, expected.get(block) ?? CacheAnswer.Absent);
    } else if (what < 0.98) {
      blocks.drop(block);
      expected.delete(block);
    } else if (what < 0.995) {
      const slot = taken.pop();
      if (slot !== undefined) cache.give(slot);
    } else {
      blocks.clear();
      expected.clear();
    }
    const cached = views.reduce((sum, view) => sum + view.expected.size, 0);
    assert.equal(cache.cachedCount, cached);
    assert.equal(cache.takeableCount, SLOT_COUNT - taken.length);
  }
});

Deno.test("a block of zeros takes no slot, and is another one's when it is put", () => {
  const cache = new BlockCache(BlockPool.allocate(2));
  const blocks = new CachedBlocks(cache);
  blocks.putZero(5);
  assert.equal(blocks.find(5), CacheAnswer.Zero);
  blocks.put(5, cache.take());
  assert.ok(blocks.find(5) >= 0);
  blocks.putZero(5);
  assert.equal(blocks.find(5), CacheAnswer.Zero);
  assert.equal(cache.takeableCount, 2);
});

Deno.test("who gives the pool's memory is told before a slot is used for the first time, and seldom", () => {
  const slotCount = 10_000;
  let end = 0;
  let told = 0;
  const cache = new BlockCache(BlockPool.allocate(slotCount), (next) => {
    assert.ok(next > end);
    end = next;
    told++;
  });
  assert.equal(told, 0);
  for (let count = 0; count < slotCount; count++) {
    const slot = cache.take();
    assert.ok((slot + 1) * BLOCK_SIZE <= end);
    if (count % 100 === 0) cache.give(slot);
  }
  assert.ok(told <= 10, `told ${told} times`);
});
