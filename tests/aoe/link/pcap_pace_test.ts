import assert from "node:assert/strict";
import { Pace } from "../../../aoe/link/pcap_pace.ts";

/** Waits until one stays, and counts those that left before. */
function leavesBeforeStay(pace: Pace): number {
  let leaves = 0;
  while (!pace.shouldStay()) leaves++;
  return leaves;
}

Deno.test("Pace stays as long as that brings frames", () => {
  const pace = new Pace();
  for (let i = 0; i < 1000; i++) {
    assert.equal(pace.shouldStay(), true);
    if (i % 2 === 0) pace.lookHit();
    else pace.blockHit();
  }
});

Deno.test("Pace leaves twice as often after each stay in vain, to a limit", () => {
  const pace = new Pace();
  const leaves = Array.from({ length: 10 }, () => {
    const before = leavesBeforeStay(pace);
    pace.miss();
    return before;
  });
  assert.deepEqual(leaves, [0, 2, 4, 8, 16, 32, 64, 128, 256, 256]);
});

Deno.test("Pace stays again soon when staying brings frames again", () => {
  const pace = new Pace();
  for (let i = 0; i < 10; i++) {
    leavesBeforeStay(pace);
    pace.miss();
  }
  leavesBeforeStay(pace);
  for (let i = 0; i < 20; i++) pace.blockHit();
  pace.miss();
  assert.equal(leavesBeforeStay(pace), 2);
});

Deno.test("Pace looks less where looking never brings frames, but probes", () => {
  const pace = new Pace();
  const most = pace.looks();
  const looks = Array.from({ length: 640 }, () => {
    pace.blockHit();
    return pace.looks();
  });
  assert.equal(looks.filter((it) => it === most).length, 10);
  assert.equal(Math.min(...looks), 1);
  for (let i = 0; i < 10; i++) pace.lookHit();
  assert.equal(pace.looks(), most);
});
