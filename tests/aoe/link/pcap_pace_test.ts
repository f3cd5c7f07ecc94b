import assert from "node:assert/strict";
import { Pace } from "../../../aoe/link/pcap_pace.ts";

/** Waits until one blocks, and counts those that left before. */
function leavesBeforeBlock(pace: Pace): number {
  let leaves = 0;
  while (!pace.shouldBlock()) leaves++;
  return leaves;
}

Deno.test("Pace blocks as long as that brings frames", () => {
  const pace = new Pace();
  for (let i = 0; i < 1000; i++) {
    assert.equal(pace.shouldBlock(), true);
    pace.blockHit();
  }
});

Deno.test("Pace leaves twice as often after each block in vain, to a limit", () => {
  const pace = new Pace();
  const leaves = Array.from({ length: 10 }, () => {
    const before = leavesBeforeBlock(pace);
    pace.blockMiss();
    return before;
  });
  assert.deepEqual(leaves, [0, 2, 4, 8, 16, 32, 64, 128, 256, 256]);
});

Deno.test("Pace blocks again soon when blocking brings frames again", () => {
  const pace = new Pace();
  for (let i = 0; i < 10; i++) {
    leavesBeforeBlock(pace);
    pace.blockMiss();
  }
  leavesBeforeBlock(pace);
  for (let i = 0; i < 20; i++) pace.blockHit();
  pace.blockMiss();
  assert.equal(leavesBeforeBlock(pace), 2);
});

Deno.test("Pace looks less where looking never brings frames, but probes", () => {
  const pace = new Pace();
  const most = pace.looks();
  const looks = Array.from({ length: 640 }, () => {
    pace.lookMiss();
    return pace.looks();
  });
  assert.equal(looks.filter((it) => it === most).length, 10);
  assert.equal(Math.min(...looks), 1);
  for (let i = 0; i < 10; i++) pace.lookHit();
  assert.equal(pace.looks(), most);
});
