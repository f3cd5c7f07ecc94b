/** The table of a generation agrees with a `Map`, whatever blocks are written. */

import assert from "node:assert/strict";
import { Generation } from "../../cas/front/generation.ts";
import { seeded } from "./front/fixtures.ts";

const COUNT = 5000;
const BLOCK_MAX = 2 ** 45;

type Pattern = (index: number, random: () => number) => number;

const PATTERNS: Readonly<Record<string, Pattern>> = {
  "one after the other": (index) => index,
  "backwards, at the end of the largest disk": (index) => BLOCK_MAX - 1 - index,
  "at random": (_, random) => Math.floor(random() * BLOCK_MAX),
  "at random on a small disk": (_, random) => Math.floor(random() * 3000),
};
const STRIDES: readonly number[] = [2, 16, 17, 256, 4096, 2 ** 19, 2 ** 32];

function check(pattern: Pattern, seed: number): void {
  const random = seeded(seed);
  const expected = new Map<number, number>();
  const generation = new Generation(seed * 1000);
  for (let index = 0; index < COUNT; index++) {
    const block = pattern(index, random);
    const known = expected.get(block);
    assert.equal(generation.slotOf(block), known ?? -1, `block ${block}`);
    if (known !== undefined) continue;
    generation.add(block, index);
    expected.set(block, index);
  }
  assert.deepEqual([...generation.blocks()], [...expected.keys()]);
  for (const block of [...expected.keys()]) {
    if (random() < 0.5) continue;
    assert.equal(generation.take(block), expected.get(block));
    assert.equal(generation.take(block), -1, "it was taken");
    expected.delete(block);
  }
  assert.equal(generation.size, expected.size);
  assert.deepEqual([...generation.blocks()], [...expected.keys()]);
  for (let index = 0; index < COUNT; index++) {
    const block = pattern(index, random);
    assert.equal(generation.slotOf(block), expected.get(block) ?? -1);
    const other = block + 2 * BLOCK_MAX;
    assert.equal(generation.slotOf(other), -1, "only a hash alike");
  }
}

for (const [name, pattern] of Object.entries(PATTERNS)) {
  Deno.test(`a generation knows the slots of blocks written ${name}`, () => {
    for (let seed = 0; seed < 4; seed++) check(pattern, seed);
  });
}

Deno.test("a generation knows the slots of blocks at equal distances", () => {
  for (const stride of STRIDES) check((index) => index * stride, 1);
});
