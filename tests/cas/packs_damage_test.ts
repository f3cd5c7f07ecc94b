import assert from "node:assert/strict";
import fc from "fast-check";
import type { GetOptions } from "../../blobstores/blob_store.ts";
import { BlockKind } from "../../cas/block_store.ts";
import {
  assertReads,
  noise,
  onlyPack,
  openRig,
  PliableStore,
  readBlocks,
  sampleBlocks,
  scoreOf,
  writeBlocks,
} from "./packs_rig.ts";

const { Data } = BlockKind;

Deno.test("a flipped byte anywhere in a pack costs at most the block it is in", async () => {
  const rig = openRig();
  const blocks = sampleBlocks(6);
  await writeBlocks(rig.packs, blocks);
  const pack = onlyPack(rig.store);
  const directory = pack.length - 48 - 6 * 28;
  const positions = [0, 8, 15, 16, directory - 1, directory];
  for (let at = 16; at < directory; at += 997) positions.push(at);
  for (let at = directory; at < pack.length; at += 3) positions.push(at);
  const view = new DataView(pack.buffer);
  for (const at of positions) {
    const extents = blocks.map((_, i) => {
      const offset = view.getUint32(directory + i * 28 + 20, true);
      return [offset, offset + view.getUint16(directory + i * 28 + 24, true)];
    }) as [number, number][];
    pack[at] = (pack[at] as number) ^ 0x40;
    const hit = extents.findIndex(([from, to]) => at >= from && at < to);
    const damaged = hit < 0 ? [] : [hit];
    await assertReads(rig.packs, blocks, damaged);
    // With a new index a flipped entry is lost too, and nothing else.
    const entry = Math.floor((at - directory) / 28);
    const lost = at >= directory && entry < 6 ? [entry] : damaged;
    const fresh = openRig({ store: new PliableStore(rig.store.space) });
    await fresh.packs.rebuild();
    await assertReads(fresh.packs, blocks, lost);
    const salvaged = fresh.events.some((e) => e.event === "pack-salvaged");
    assert.equal(salvaged, at >= directory, `byte ${at}`);
    pack[at] = (pack[at] as number) ^ 0x40;
  }
});

Deno.test("damage names the pack and what was found", async () => {
  const { packs, store } = openRig();
  const blocks = [{ kind: Data, bytes: noise(1) }];
  const { names } = await writeBlocks(packs, blocks);
  const pack = onlyPack(store);
  pack[20] = (pack[20] as number) ^ 1;
  const found = noise(1);
  found[4] = (found[4] as number) ^ 1;
  const score = scoreOf({ kind: Data, bytes: found }).toHex();
  assert.deepEqual(await readBlocks(packs, blocks), [
    { pack: names[0], reason: `its score is ${score}` },
  ]);
  assert.deepEqual(await readBlocks(packs, sampleBlocks(1)), [
    { reason: "no pack is known to hold it" },
  ]);
});

Deno.test("a damaged block is healed by the next write of the same content", async () => {
  const { packs, store } = openRig();
  const blocks = sampleBlocks(5);
  await writeBlocks(packs, blocks);
  const pack = onlyPack(store);
  pack[20] = (pack[20] as number) ^ 1;
  await assertReads(packs, blocks, [0]);
  const { newCount } = await writeBlocks(packs, blocks);
  assert.equal(newCount, 1);
  await assertReads(packs, blocks);
  // Also in the eyes of a new index, whichever pack it meets first.
  const fresh = openRig({ store });
  await fresh.packs.rebuild();
  await assertReads(fresh.packs, blocks);
});

Deno.test("healing never overwrites the damaged pack, though it would have the same name", async () => {
  const { packs, store } = openRig();
  const blocks = sampleBlocks(1);
  await writeBlocks(packs, blocks);
  const damaged = onlyPack(store);
  damaged[20] = (damaged[20] as number) ^ 1;
  const before = damaged.slice();
  await assertReads(packs, blocks, [0]);
  await writeBlocks(packs, blocks);
  assert.equal(store.space.blobs.size, 2);
  assert.deepEqual(damaged, before);
  await assertReads(packs, blocks);
});

Deno.test("a missing pack is damage while it is missing", async () => {
  const { packs, store } = openRig();
  const blocks = sampleBlocks(3);
  await writeBlocks(packs, blocks);
  const [key, body] = [...store.space.blobs][0] as [
    string,
    Uint8Array<ArrayBuffer>,
  ];
  store.space.blobs.delete(key);
  const results = await readBlocks(packs, blocks);
  for (const result of results) {
    assert.match((result as { reason: string }).reason, /missing/);
  }
  store.space.blobs.set(key, body);
  await assertReads(packs, blocks);
});

Deno.test("a pack cut off serves the blocks that are left", async () => {
  const { packs, store } = openRig();
  const blocks = sampleBlocks(6);
  await writeBlocks(packs, blocks);
  const [key, body] = [...store.space.blobs][0] as [
    string,
    Uint8Array<ArrayBuffer>,
  ];
  store.space.blobs.set(key, body.slice(0, 10_000));
  await assertReads(packs, blocks, [4, 5]);
  // Without its end the directory is sought from every place it may lie at.
  for (const cut of [1, 7, 60]) {
    store.space.blobs.set(key, body.slice(0, body.length - cut));
    const fresh = openRig({ store });
    await fresh.packs.rebuild();
    await assertReads(fresh.packs, blocks, cut === 60 ? [5] : []);
  }
});

Deno.test("what a store returns is served only if it has the length asked for", async () => {
  const { packs, store } = openRig();
  const blocks = sampleBlocks(3);
  await writeBlocks(packs, blocks);
  store.onGet = (bytes) => bytes.slice(0, -1);
  await assertReads(packs, blocks, [0, 1, 2]);
  store.onGet = (bytes) => new Uint8Array([...bytes, 0]);
  await assertReads(packs, blocks, [0, 1, 2]);
  store.onGet = (bytes) => bytes;
  await assertReads(packs, blocks);
});

Deno.test("whatever lies under the key of a pack, rebuilding bears it", async () => {
  const sample = openRig();
  await writeBlocks(sample.packs, sampleBlocks(4));
  const sound = onlyPack(sample.store);
  const file = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.record({ from: fc.nat(), to: fc.nat(), splice: fc.uint8Array() }).map(
      ({ from, to, splice }) =>
        new Uint8Array([
          ...sound.subarray(0, from % sound.length),
          ...splice,
          ...sound.subarray(to % sound.length),
        ]),
    ),
  );
  await fc.assert(
    fc.asyncProperty(file, async (bytes) => {
      const { packs, store, events } = openRig();
      await store.put(`packs/ab/${"ab".repeat(32)}`, bytes);
      await packs.rebuild();
      // A splice of blocks alone leaves the directory as it was.
      assert.ok(events.every((event) => event.event === "pack-salvaged"));
      // Nothing wrong is served, whatever was saved.
      const results = await readBlocks(packs, sampleBlocks(4));
      results.forEach((result, i) => {
        if (result instanceof Uint8Array) {
          assert.deepEqual(result, sampleBlocks(4)[i]?.bytes);
        }
      });
    }),
    { numRuns: 60 },
  );
});

Deno.test("of two copies of a pack the one with a sound directory counts, however long it is", async () => {
  const rig = openRig();
  // A directory that the first read of its end does not hold.
  const blocks = Array.from({ length: 8000 }, (_, i) => {
    const bytes = new Uint8Array(4096);
    new DataView(bytes.buffer).setUint32(100, i);
    return { kind: Data, bytes };
  });
  await writeBlocks(rig.packs, blocks);
  const sound = onlyPack(rig.store);
  const directory = new DataView(sound.buffer).getUint32(
    sound.length - 48,
    true,
  );
  const damaged = new PliableStore();
  for (const [key, body] of rig.store.space.blobs) {
    const copy = body.slice();
    copy[directory]! ^= 1;
    damaged.space.blobs.set(key, copy);
  }
  const store = new TwoCopies(damaged, rig.store);
  const { packs, events } = openRig({ store });
  await packs.rebuild();
  assert.deepEqual(events, []);
  await assertReads(packs, blocks.slice(0, 3));
});

/** Gives what the first store has, or what the second has where that is not accepted. */
class TwoCopies extends PliableStore {
  readonly #first: PliableStore;
  readonly #second: PliableStore;

  constructor(first: PliableStore, second: PliableStore) {
    super(first.space);
    this.#first = first;
    this.#second = second;
  }

  override async get(
    key: string,
    options: GetOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { accept } = options;
    const bytes = await this.#first.get(key, options);
    if (accept === undefined || accept(bytes)) return bytes;
    const other = await this.#second.get(key, options);
    accept(other);
    // The first one was asked twice, and answers late.
    accept(bytes);
    return other;
  }
}
