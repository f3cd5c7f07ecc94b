import assert from "node:assert/strict";
import { MemoryDevice } from "../../aoe/mod.ts";

Deno.test("a memory device settles its tickets together, after the writes", async () => {
  const device = new MemoryDevice({ sectorCount: 16 });
  const settled: [number, boolean][] = [];
  device.onSettled((ticket, ok) => settled.push([ticket, ok]));
  const bytes = new Uint8Array(1024).fill(7);
  assert.equal(device.lastTicket, 0);
  assert.equal(device.write({ lba: 2, sectorCount: 1 }, bytes, 512), 1);
  assert.equal(device.write({ lba: 3, sectorCount: 1 }, bytes, 0), 2);
  assert.equal(device.lastTicket, 2);
  assert.deepEqual(settled, []);
  await device.writable();
  assert.deepEqual(settled, [[2, true]]);
  assert.equal(device.lastTicket, 0);
  assert.equal(device.write({ lba: 3, sectorCount: 1 }, bytes, 0), 3);
  await device.writable();
  assert.deepEqual(settled.at(-1), [3, true]);
});

Deno.test("a memory device reads what was written, where it was written", async () => {
  const device = new MemoryDevice({ sectorCount: 16 });
  const bytes = new Uint8Array(1024).fill(7);
  device.write({ lba: 2, sectorCount: 2 }, bytes, 0);
  bytes.fill(0);
  const into = new Uint8Array(4 * 512 + 8).fill(0xa5);
  assert.equal(device.readNow({ lba: 1, sectorCount: 4 }, into, 4), true);
  const again = new Uint8Array(into.length).fill(0xa5);
  await device.read({ lba: 1, sectorCount: 4 }, again, 4);
  assert.deepEqual(into, again);
  const firstOfSector = [0, 1, 2, 3].map((i) => into[4 + 512 * i]);
  assert.deepEqual(firstOfSector, [0, 7, 7, 0]);
  assert.deepEqual([into[3], into.at(-4)], [0xa5, 0xa5]);
});

Deno.test("a memory device of a size that is no multiple of 8 sectors is refused", () => {
  for (const sectorCount of [0, 7, -8, 8.5, NaN]) {
    assert.throws(() => new MemoryDevice({ sectorCount }), /multiple of 8/);
  }
});

Deno.test("a memory device grows by sectors of zeros and does not shrink", () => {
  const device = new MemoryDevice({ sectorCount: 8 });
  device.write({ lba: 0, sectorCount: 8 }, new Uint8Array(4096).fill(7), 0);
  device.grow(16);
  assert.equal(device.sectorCount, 16);
  const bytes = new Uint8Array(16 * 512);
  device.readNow({ lba: 0, sectorCount: 16 }, bytes, 0);
  assert.deepEqual([bytes[0], bytes[4095], bytes[4096]], [7, 7, 0]);
  assert.throws(() => device.grow(8), /has 16/);
  assert.throws(() => device.grow(17), /multiple of 8/);
});

Deno.test("a memory device trims with a ticket like that of a write", async () => {
  const device = new MemoryDevice({ sectorCount: 16 });
  const settled: number[] = [];
  device.onSettled((ticket) => settled.push(ticket));
  device.write({ lba: 0, sectorCount: 16 }, new Uint8Array(8192).fill(7), 0);
  const ticket = device.trim({ lba: 4, sectorCount: 2 });
  await Promise.resolve();
  assert.deepEqual(settled, [ticket]);
  const bytes = new Uint8Array(8192);
  device.readNow({ lba: 0, sectorCount: 16 }, bytes, 0);
  const first = Array.from({ length: 8 }, (_, i) => bytes[512 * i]);
  assert.deepEqual(first, [7, 7, 7, 7, 0, 0, 7, 7]);
});
