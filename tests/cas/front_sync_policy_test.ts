import assert from "node:assert/strict";
import { SyncPolicy } from "../../cas/front/sync_policy.ts";

const SMALL = 8192;

function learned(durationMs: number, count: number): SyncPolicy {
  const policy = new SyncPolicy();
  for (let index = 0; index < count; index++) policy.took(durationMs, false);
  return policy;
}

Deno.test("the thread is blocked only for syncs that are known to be short", () => {
  assert.equal(new SyncPolicy().shouldBlock(SMALL), false);
  assert.equal(learned(0.3, 7).shouldBlock(SMALL), false);
  assert.equal(learned(0.3, 8).shouldBlock(SMALL), true);
  assert.equal(learned(8, 100).shouldBlock(SMALL), false);
});

Deno.test("a large batch does not block the thread", () => {
  assert.equal(learned(0.3, 8).shouldBlock(1024 * 1024), false);
});

Deno.test("a disk that has become slow is noticed", () => {
  const policy = learned(0.3, 8);
  for (let index = 0; index < 8; index++) policy.took(2, true);
  assert.equal(policy.shouldBlock(SMALL), false);
});

Deno.test("after a long sync the thread is not blocked for a while, and longer each time", () => {
  const policy = learned(0.3, 8);
  const pauses: number[] = [];
  for (let round = 0; round < 3; round++) {
    policy.took(40, true);
    let pause = 0;
    for (; !policy.shouldBlock(SMALL); pause++) policy.took(0.3, false);
    pauses.push(pause);
  }
  assert.deepEqual(pauses, [16, 32, 64]);
  for (let index = 0; index < 300; index++) policy.took(0.3, true);
  policy.took(40, true);
  let pause = 0;
  for (; !policy.shouldBlock(SMALL); pause++) policy.took(0.3, false);
  assert.ok(pause < 64);
});
