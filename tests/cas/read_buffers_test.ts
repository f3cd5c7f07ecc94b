import assert from "node:assert/strict";
import { ReadBuffers } from "../../cas/packs/read_buffers.ts";
import {
  assertReads,
  noise,
  openRig,
  PliableStore,
  writeBlocks,
} from "./packs_rig.ts";

const MEBIBYTE = 2 ** 20;

Deno.test("memory is lent again when it was given back, and to nobody before", () => {
  const buffers = new ReadBuffers();
  const [first, second] = [buffers.take(MEBIBYTE), buffers.take(MEBIBYTE)];
  assert.equal(first.length, MEBIBYTE);
  assert.notEqual(first.buffer, second.buffer);
  buffers.give(first);
  buffers.give(first);
  const third = buffers.take(MEBIBYTE / 2);
  assert.equal(third.buffer, first.buffer);
  assert.equal(third.length, MEBIBYTE / 2);
  assert.notEqual(buffers.take(MEBIBYTE).buffer, first.buffer);
});

Deno.test("memory from elsewhere is not lent, nor kept for small or very long reads", () => {
  const buffers = new ReadBuffers();
  const foreign = new Uint8Array(new ArrayBuffer(1.25 * MEBIBYTE));
  buffers.give(foreign);
  assert.notEqual(buffers.take(MEBIBYTE).buffer, foreign.buffer);
  for (const length of [4096, 4 * MEBIBYTE]) {
    const bytes = buffers.take(length);
    assert.equal(bytes.buffer.byteLength, length);
    buffers.give(bytes);
    assert.notEqual(buffers.take(length).buffer, bytes.buffer);
  }
});

Deno.test("long reads at once, again and again, one of them of damage, give the right blocks", async () => {
  const store = new PliableStore();
  const { packs } = openRig({ store, packBytesMax: 2 * MEBIBYTE });
  const rows = Array.from({ length: 12 }, (_, row) =>
    Array.from(
      { length: 50 },
      (_, i) => ({ kind: 0, bytes: noise(100 * row + i) }),
    ));
  for (const row of rows) await writeBlocks(packs, row);
  await Promise.all(rows.map((row) => assertReads(packs, row)));
  const key = [...store.space.blobs.keys()].find((it) => /^packs/.test(it))!;
  store.space.blobs.get(key)![5000]! ^= 1;
  await Promise.allSettled(rows.map((row) => assertReads(packs, row)));
  await Promise.all(rows.slice(1).map((row) => assertReads(packs, row)));
  await packs.close();
});
