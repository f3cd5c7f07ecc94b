/** The memory of packs goes from one writer to the next, never to two at a time. */

import assert from "node:assert/strict";
import { BlockKind, type BlockWriter } from "../../cas/block_store.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import {
  assertReads,
  hasher,
  noise,
  openRig,
  PliableStore,
  scoreOf,
  type TestBlock,
} from "./packs_rig.ts";

const PACK_BYTES = 20_000;
const BLOCKS_PER_PACK = 4;

/** Blocks that do not compress, of their own for each `batch`, enough for so many packs. */
function blocksOf(batch: number, packCount: number): TestBlock[] {
  return Array.from({ length: packCount * BLOCKS_PER_PACK }, (_, at) => ({
    kind: BlockKind.Data,
    bytes: noise(1000 * batch + at),
  }));
}

async function addAll(
  writer: BlockWriter,
  blocks: readonly TestBlock[],
): Promise<void> {
  for (const block of blocks) {
    await writer.add(block.kind, scoreOf(block), block.bytes);
  }
}

/** Holds back each put until it is let go, and sees what is put. */
class Puts {
  readonly store: PliableStore = new PliableStore();
  readonly #waiting: (() => void)[] = [];
  #arrived: () => void = () => {};

  constructor() {
    this.store.before = (operation) => {
      if (operation !== "put") return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      this.#arrived();
      return promise;
    };
  }

  /** Resolves when so many wait at once. */
  async until(count: number): Promise<void> {
    while (this.#waiting.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#arrived = resolve;
      await promise;
    }
  }

  /** Lets the one go that came last, or first. */
  letGo(which: "first" | "last"): void {
    const put = which === "last" ? this.#waiting.pop() : this.#waiting.shift();
    put?.();
  }

  /** Lets all go from now on. */
  open(): void {
    this.store.before = (): void => {};
    for (const put of this.#waiting.splice(0)) put();
  }
}

for (const order of ["first", "last"] as const) {
  Deno.test(`two writers that seal at once give their memory back and keep their blocks apart, the ${order} put ending before the other`, async () => {
    const puts = new Puts();
    const { packs, store } = openRig({
      store: puts.store,
      packBytesMax: PACK_BYTES,
      packsInFlightMax: 2,
    });
    const written: TestBlock[] = [];
    for (let round = 0; round < 3; round++) {
      const batches = [blocksOf(2 * round, 1), blocksOf(2 * round + 1, 1)];
      const writers = batches.map(() => packs.write());
      // Block by block in turn: both packs are open, then both are sealed, in one moment.
      for (let at = 0; at < BLOCKS_PER_PACK; at++) {
        for (const [which, writer] of writers.entries()) {
          await addAll(writer, batches[which]!.slice(at, at + 1));
        }
      }
      const finished = writers.map((writer) => writer.finish());
      await puts.until(2);
      // One gives its memory back while the other's is still being put; a third takes it.
      puts.letGo(order);
      await Promise.race(finished);
      const third = blocksOf(100 + round, 1);
      const later = packs.write();
      await addAll(later, third);
      const last = later.finish();
      await puts.until(2);
      puts.letGo(order);
      puts.letGo(order);
      await Promise.all([...finished, last]);
      written.push(...batches.flat(), ...third);
    }
    puts.open();
    for (const [key, body] of store.space.blobs) {
      assert.ok(
        key.endsWith(hasher.hash(body).toHex()),
        "the pack that was sealed",
      );
    }
    await assertReads(packs, written);
    await packs.close();
  });
}

Deno.test("a writer that fails gives its memory back empty, while another's pack is being put", async () => {
  const puts = new Puts();
  let isFull = false;
  class Index extends MemoryIndex {
    override requireRoom(): Promise<void> {
      if (isFull) return Promise.reject(new Error("no room"));
      return super.requireRoom();
    }
  }
  const { packs } = openRig({
    store: puts.store,
    index: new Index(),
    packBytesMax: PACK_BYTES,
    packsInFlightMax: 2,
  });
  const batches = [1, 2, 3].map((batch) => blocksOf(batch, 1));
  const [slow, failed, next] = batches as [
    TestBlock[],
    TestBlock[],
    TestBlock[],
  ];
  const slowWriter = packs.write();
  await addAll(slowWriter, slow);
  const slowEnd = slowWriter.finish();
  await puts.until(1);
  isFull = true;
  const failing = packs.write();
  await addAll(failing, failed);
  await assert.rejects(failing.finish(), /no room/);
  isFull = false;
  const nextWriter = packs.write();
  await addAll(nextWriter, next);
  const nextEnd = nextWriter.finish();
  await puts.until(2);
  puts.open();
  await Promise.all([slowEnd, nextEnd]);
  await assertReads(packs, [...slow, ...next]);
  await assertReads(packs, failed, failed.map((_, at) => at));
  await packs.close();
});
