/** The simulation itself, and 2,000 seeds of it. */

import assert from "node:assert/strict";
import { describeFailure, runSeeds } from "./seeds.ts";
import { simulate } from "./simulation.ts";

const SEED_COUNT = 2000;
const OPERATION_COUNT = 25;

Deno.test("the same seed gives the same run, and another seed another", async () => {
  for (const seed of [3, 4, 5]) {
    const first = await simulate({ seed, operationCount: 60 });
    const second = await simulate({ seed, operationCount: 60 });
    assert.equal(first.logHash, second.logHash);
    assert.equal(first.eventCount, second.eventCount);
    assert.deepEqual(first.lastEvents, second.lastEvents);
    const other = await simulate({ seed: seed + 100, operationCount: 60 });
    assert.notEqual(first.logHash, other.logHash);
  }
});

Deno.test(`${SEED_COUNT} seeds keep every promise`, async () => {
  const failures: string[] = [];
  const done = new Set<string>();
  let seedCount = 0;
  await runSeeds(
    { first: 1, count: SEED_COUNT, operationCount: OPERATION_COUNT },
    (summary) => {
      seedCount += summary.seedCount;
      failures.push(...summary.failures.map(describeFailure));
      for (const [name, count] of Object.entries(summary.actions)) {
        if (count > 0) done.add(name);
      }
    },
  );
  assert.deepEqual(failures.slice(0, 3), [], failures[0]);
  assert.equal(seedCount, SEED_COUNT);
  assert.ok(done.has("take over") && done.has("crash") && done.has("damage"));
  assert.ok(done.has("refusals"), "no client was ever refused");
});
