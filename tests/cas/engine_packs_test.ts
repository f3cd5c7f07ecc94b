/** The engine over real packs: what only the two together can show. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import type { ArchivePort } from "../../cas/archive_port.ts";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import type { BlockStore } from "../../cas/block_store.ts";
import { createPortableLz4 } from "../../cas/codec/lz4.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import { openPacks } from "../../cas/packs/open_packs.ts";
import { copySpace } from "../blobstores/copy_space.ts";
import {
  assertHolds,
  Bench,
  hasher,
  Model,
  whole,
  type Write,
} from "./engine_bench.ts";

const BLOCK_COUNT = 2 ** 18;

/** Packs with an empty index: every opening is one on a new machine. */
function packsOf(bench: Bench, packBytesMax = 16 * 2 ** 20): BlockStore {
  return openPacks({
    store: bench.store,
    index: new MemoryIndex(),
    hasher,
    lz4: createPortableLz4(),
    onEvent: (event) => bench.events.push(event),
    sleep: () => bench.clock.yieldNow(),
    packBytesMax,
  });
}

async function openDisk(
  bench: Bench,
  packBytesMax?: number,
): Promise<{ archive: ArchivePort; view: number }> {
  const openBlocks = (): Promise<BlockStore> =>
    Promise.resolve(packsOf(bench, packBytesMax));
  const archive = await bench.open({ openBlocks });
  const request = { volume: "disk", createBlockCount: BLOCK_COUNT };
  return { archive, view: (await archive.openView(request)).view };
}

const PLACES = [0, 1, 5, 127, 128, 4000, 20_000, BLOCK_COUNT - 1];

const generation: fc.Arbitrary<Write[]> = fc.uniqueArray(
  fc.record({
    block: fc.constantFrom(...PLACES),
    mask: fc.oneof(fc.constant(0xff), fc.integer({ min: 1, max: 255 })),
    value: fc.integer({ min: 0, max: 3 }),
  }),
  { minLength: 1, maxLength: PLACES.length, selector: ({ block }) => block },
);

Deno.test("over real packs, too, an archive gives what a model says", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(generation, { minLength: 1, maxLength: 5 }),
      async (generations) => {
        let bench = new Bench();
        const model = new Model();
        for (const writes of generations) {
          bench = new Bench(bench.space);
          const { archive, view } = await openDisk(bench);
          model.write(writes);
          await bench.write(archive, view, writes);
          await assertHolds(bench, archive, { view, model, blocks: PLACES });
          await archive.close();
        }
        bench = new Bench(bench.space);
        const { archive, view } = await openDisk(bench);
        await assertHolds(bench, archive, { view, model, blocks: PLACES });
        await archive.close();
      },
    ),
    { numRuns: 15 },
  );
});

/** Bytes of all packs. */
function packBytes(bench: Bench): number {
  return [...bench.space.blobs].filter(([key]) => key.startsWith("packs/"))
    .reduce((total, [, body]) => total + body.length, 0);
}

Deno.test("the same content in three places and in a second volume takes next to no more", async () => {
  const bench = new Bench();
  const { archive, view } = await openDisk(bench);
  const request = { volume: "other", createBlockCount: BLOCK_COUNT };
  const { view: other } = await archive.openView(request);
  const blocks = Array.from({ length: 512 }, (_, index) => index);
  async function put(into: number, at: number): Promise<void> {
    const frozen = bench.freeze(
      into,
      blocks.map((block) => whole(at + block, 1)),
    );
    blocks.forEach((block) => {
      const bytes = bench.pool.slot(block);
      for (let at = 0; at < BLOCK_SIZE; at++) {
        bytes[at] = Math.imul(block * BLOCK_SIZE + at + 1, 2_654_435_761) >>>
          21;
      }
    });
    await archive.checkpoint({ volumes: [frozen] });
  }
  await put(view, 0);
  const first = packBytes(bench);
  await put(view, 1024);
  await put(view, 128 * 999);
  await put(other, 128);
  const more = packBytes(bench) - first;
  assert.ok(more < 512 * BLOCK_SIZE * 0.02, `${more} bytes more`);
  await archive.close();
});

const SCORE_DIGITS = 64;

Deno.test("a byte flipped in any pack fails reads of its blocks, and nothing wrong is served", async () => {
  const bench = new Bench();
  const model = new Model();
  const blocks = Array.from({ length: 200 }, (_, index) => index * 3);
  {
    const { archive, view } = await openDisk(bench, 8000);
    for (let round = 0; round < 3; round++) {
      const writes = blocks.filter((block) => block % (round + 1) === 0)
        .map((block) => whole(block, 1 + (block + round * 50) % 250));
      model.write(writes);
      await bench.write(archive, view, writes);
    }
    await archive.close();
  }
  const packs = [...bench.space.blobs.keys()]
    .filter((key) => key.startsWith("packs/"));
  assert.ok(packs.length > 5);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...packs),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.integer({ min: 1, max: 255 }),
      async (key, place, flip) => {
        const other = new Bench(copySpace(bench.space));
        const body = other.space.blobs.get(key)!.slice();
        body[Math.floor(body.length * place)]! ^= flip;
        other.space.blobs.set(key, body);
        const { archive, view } = await openDisk(other);
        const found = await other.read(archive, view, blocks);
        let damaged = 0;
        found.forEach((bytes, index) => {
          if (bytes === null) damaged++;
          else {
            const right = model.read(blocks[index]!);
            assert.equal(Buffer.compare(bytes, right), 0);
          }
        });
        const events = other.eventsOf("block-damaged");
        assert.equal(damaged > 0, events.length > 0);
        for (const { pack, score, sectors } of events) {
          // A block whose entry in the directory is lost is in no pack known.
          assert.ok(pack === undefined || pack === key.slice(-SCORE_DIGITS));
          assert.match(score as string, /^[0-9a-f]{64}$/);
          assert.ok((sectors as unknown[]).length > 0);
        }
        await archive.close();
      },
    ),
    { numRuns: 60 },
  );
});
