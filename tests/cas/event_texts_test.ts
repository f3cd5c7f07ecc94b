/** What events say of one thing, and of several. */

import assert from "node:assert/strict";
import {
  checkpointDone,
  writesDeferred,
} from "../../cas/front/checkpoint_events.ts";

Deno.test("one block is told as one", () => {
  const result = {
    roots: [],
    blocksNew: 1,
    blocksDuplicate: 2,
    blocksZero: 0,
    packBytes: 100,
    packCount: 1,
  };
  assert.match(checkpointDone(result, 1).message, /1 new block, 2 known/);
  const more = checkpointDone({ ...result, blocksNew: 2 }, 1);
  assert.match(more.message, /2 new blocks, 2 known/);
  for (const [blocks, words] of [[1, "1 written block "], [2, "2 written b"]]) {
    const count = Number(blocks);
    const written = new Set(Array.from({ length: count }, (_, it) => it));
    assert.ok(
      writesDeferred("disk", written, false).message.startsWith(`${words}`),
    );
  }
});
