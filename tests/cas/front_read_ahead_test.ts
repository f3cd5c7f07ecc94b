import assert from "node:assert/strict";
import { ReadAhead } from "../../cas/front/read_ahead.ts";

/** Reads blocks one by one; what was to be fetched, as ranges. */
function readAll(
  ahead: ReadAhead,
  blocks: Iterable<number>,
  waits: (block: number) => boolean,
): [number, number][] {
  const ranges: [number, number][] = [];
  for (const block of blocks) {
    if (ahead.note(block, block, waits(block))) {
      ranges.push([ahead.start, ahead.end]);
    }
  }
  return ranges;
}

function* from(first: number, count: number): Generator<number> {
  for (let block = first; block < first + count; block++) yield block;
}

function assertSeamless(ranges: readonly [number, number][]): void {
  ranges.slice(1).forEach(([start], index) =>
    assert.equal(start, ranges[index]![1])
  );
}

Deno.test("a reader that never waits is kept half a mebibyte ahead of", () => {
  const ranges = readAll(new ReadAhead(4096), from(0, 4000), () => false);
  assertSeamless(ranges);
  const [, end] = ranges.at(-1)!;
  assert.ok(end > 4000 && end <= 4000 + 128, `up to ${end}`);
});

Deno.test("a reader that waits is kept as far ahead of as is allowed, a mebibyte at a time", () => {
  const ranges = readAll(new ReadAhead(2048), from(0, 20_000), () => true);
  assertSeamless(ranges);
  const [start, end] = ranges.at(-1)!;
  assert.ok(end > 20_000 + 1024 && end <= 20_000 + 2048, `up to ${end}`);
  assert.equal(end - start, 256);
  let read = 0;
  let fetched = 0;
  const ahead = new ReadAhead(2048);
  for (; read < 8; read++) {
    if (ahead.note(read, read, true)) fetched = ahead.end;
  }
  assert.ok(fetched <= 3 * read, "a short read fetches little too much");
});

Deno.test("several readers of one disk are each followed", () => {
  const ahead = new ReadAhead(4096);
  const ends = new Map<number, number>();
  for (let step = 0; step < 300; step++) {
    for (const start of [0, 100_000, 200_000, 300_000, 400_000]) {
      if (ahead.note(start + step, start + step, false)) {
        ends.set(start, ahead.end);
      }
    }
  }
  for (const [start, end] of ends) assert.ok(end > start + 300, `${start}`);
  assert.equal(ends.size, 5);
});

Deno.test("requests that come in another order are one sequence, and nothing is fetched twice", () => {
  const ahead = new ReadAhead(4096);
  const order = [...from(0, 4)];
  for (let block = 4; block < 2000; block += 4) {
    order.push(block + 2, block, block + 3, block + 1);
  }
  const ranges = readAll(ahead, order, () => false);
  assertSeamless(ranges);
  assert.ok(ranges.at(-1)![1] > 1990);
});

Deno.test("random reads fetch nothing, nor does one that goes backwards", () => {
  const ahead = new ReadAhead(4096);
  const random = Array.from({ length: 2000 }, (_, i) => i * 7919 % 100_003);
  assert.deepEqual(readAll(ahead, random, () => true), []);
  const backwards = Array.from({ length: 100 }, (_, i) => 50_000 - 2 * i);
  assert.deepEqual(readAll(ahead, backwards, () => true), []);
});
