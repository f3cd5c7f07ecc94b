import assert from "node:assert/strict";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import { SCORE_LENGTH } from "../../cas/block_store.ts";
import { PointerAhead } from "../../cas/engine/pointer_ahead.ts";
import { POINTERS_PER_BLOCK, type Tree } from "../../cas/engine/geometry.ts";
import { Pointers } from "../../cas/engine/pointers.ts";
import { lookup } from "../../cas/engine/tree_lookup.ts";

/** Pointer blocks fetched together, and the data blocks below them. */
const TOGETHER = 64;
const STRETCH: number = TOGETHER * POINTERS_PER_BLOCK;

/**
 * A tree of four stretches whose every score tells its level and place, and a
 * reader that counts what it is asked.
 */
class Counted {
  readonly tree: Tree = {
    root: scoreOf(3, 0),
    depth: 3,
    blockCount: 4 * STRETCH,
  };
  /** Pointer blocks of level 1 in each read, by their places. */
  readonly reads: number[][] = [];
  readonly pointers: Pointers;
  readonly ahead: PointerAhead;
  isBroken = false;

  constructor() {
    this.pointers = new Pointers({
      read: (level, scores, receive) => {
        if (this.isBroken) return Promise.reject(new Error("it is away"));
        const places: number[] = [];
        for (let at = 0; at < scores.length; at += SCORE_LENGTH) {
          const place = new DataView(scores.buffer, scores.byteOffset + at)
            .getUint32(2);
          places.push(place);
          receive(at / SCORE_LENGTH, pointerBlock(level, place), undefined);
        }
        if (level === 1) this.reads.push(places);
        return Promise.resolve();
      },
    }, 1 << 22);
    this.ahead = new PointerAhead(this.pointers);
  }

  /** Notes a fetch, and waits for what it has begun. */
  async fetch(blocks: readonly number[]): Promise<void> {
    this.ahead.note(this.tree, Float64Array.from(blocks));
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function scoreOf(level: number, place: number): Uint8Array {
  const score = new Uint8Array(SCORE_LENGTH);
  const view = new DataView(score.buffer);
  view.setUint16(0, level + 1);
  view.setUint32(2, place);
  return score;
}

function pointerBlock(level: number, place: number): Uint8Array {
  const block = new Uint8Array(BLOCK_SIZE);
  for (let entry = 0; entry < POINTERS_PER_BLOCK; entry++) {
    const child = scoreOf(level - 1, place * POINTERS_PER_BLOCK + entry);
    block.set(child, entry * SCORE_LENGTH);
  }
  return block;
}

function run(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

Deno.test("who reads forwards never waits for a pointer block behind the first stretch", async () => {
  const counted = new Counted();
  for (let first = 0; first < 4 * STRETCH; first += 256) {
    await counted.fetch(run(first, 256));
    const known = counted.reads.length;
    await lookup(
      counted.pointers,
      counted.tree,
      Float64Array.from(run(first, 256)),
    );
    assert.equal(counted.reads.length, known, `at block ${first}`);
  }
  assert.deepEqual(
    counted.reads,
    [0, 1, 2, 3].map((it) => run(it * TOGETHER, TOGETHER)),
  );
});

Deno.test("the next stretch is fetched while a whole one is still to be read", async () => {
  const counted = new Counted();
  await counted.fetch(run(0, 256));
  assert.deepEqual(counted.reads.flat(), run(0, 2 * TOGETHER));
});

Deno.test("reads here and there bring no pointer blocks but their own", async () => {
  const counted = new Counted();
  await counted.fetch([7]);
  await counted.fetch(run(0, 32).map((it) => it * 1000 % (4 * STRETCH)));
  await counted.fetch(run(100, 8));
  assert.deepEqual(counted.reads, []);
});

Deno.test("pointer blocks that cannot be fetched ahead harm nobody", async () => {
  const counted = new Counted();
  counted.isBroken = true;
  await counted.fetch(run(0, 256));
  counted.isBroken = false;
  const { damages } = await lookup(
    counted.pointers,
    counted.tree,
    Float64Array.of(0),
  );
  assert.deepEqual(damages, []);
});

Deno.test("a volume that ends within a stretch is followed to its end", async () => {
  const counted = new Counted();
  const tree = { ...counted.tree, blockCount: STRETCH + 300 };
  counted.ahead.note(tree, Float64Array.from(run(STRETCH - 256, 256)));
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(counted.reads.flat(), run(0, TOGETHER + 3));
});
