import assert from "node:assert/strict";
import { WordPool } from "../../cas/index/word_pool.ts";

Deno.test("memory that is given back is lent again, once, where it fits", () => {
  const pool = new WordPool();
  const first = pool.take(1000);
  pool.release(first.subarray(0, 10));
  assert.notEqual(pool.take(100).buffer, first.buffer);
  assert.notEqual(pool.take(1001).buffer, first.buffer);
  const again = pool.take(900);
  assert.equal(again.buffer, first.buffer);
  assert.equal(again.length, 900);
  assert.notEqual(pool.take(900).buffer, first.buffer);
});

Deno.test("what is kept for later is bounded", () => {
  const pool = new WordPool();
  const pieces = Array.from({ length: 20 }, () => pool.take(2 ** 20));
  for (const piece of pieces) pool.release(piece);
  const buffers = new Set(pieces.map((piece) => piece.buffer));
  const reused = Array.from({ length: 20 }, () => pool.take(2 ** 20))
    .filter((piece) => buffers.has(piece.buffer));
  assert.equal(reused.length, 10);
});
