/** Several copies of the index, of which some fail, overlap, or are of packs that are elsewhere, too. */

import assert from "node:assert/strict";
import {
  type CopiedPack,
  decodeCopy,
  encodeCopy,
} from "../../cas/packs/index_copy_format.ts";
import {
  archive,
  COPY_PACKS,
  keysOf,
  newMachine,
  OPTIONS,
  packGets,
  test,
} from "./index_copies_rig.ts";
import {
  assertReads,
  hasher,
  openRig,
  PliableStore,
  type TestBlock,
  writeBlocks,
} from "./packs_rig.ts";

const BLOCK_LENGTH = 22;

/** The packs of a copy, as others can be made of them. */
function packsOf(store: PliableStore, key: string): CopiedPack[] {
  const bytes = store.space.blobs.get(key)!;
  const packs = decodeCopy(key.slice(-64), bytes, hasher.hash);
  assert.ok(typeof packs !== "string");
  return packs.map(({ name, size, start, count }) => ({
    name,
    size,
    blocks: bytes.slice(start, start + count * BLOCK_LENGTH),
  }));
}

function putCopy(store: PliableStore, packs: readonly CopiedPack[]): void {
  const bytes = encodeCopy(packs, 0, hasher.hash);
  store.space.blobs.set(`index/${hasher.hash(bytes).toHex()}`, bytes);
}

test("one copy that cannot be got costs the directories of its own packs alone", async () => {
  const store = new PliableStore();
  const blocks = await archive(store, 3 * COPY_PACKS);
  const [, refused] = keysOf(store, "index/") as [string, string];
  const { get } = store;
  store.get = (key, options): ReturnType<typeof get> =>
    key === refused
      ? Promise.reject(
        Object.assign(new Error("no"), { code: "PermissionDenied" }),
      )
      : get.call(store, key, options);
  const { packs, gets, events } = await newMachine(store);
  const names = packsOf(store, refused).map(({ name }) => name).sort();
  assert.deepEqual(packGets(gets).map((key) => key.slice(-64)).sort(), names);
  assert.equal(
    events.filter(({ event }) => event === "index-copy-ignored").length,
    1,
  );
  await assertReads(packs, blocks);
});

test("packs that stand in several copies are taken once, and none is read for that", async () => {
  const store = new PliableStore();
  const blocks = await archive(store, 2 * COPY_PACKS);
  const [one, other] = keysOf(store, "index/") as [string, string];
  const [first, second] = [packsOf(store, one), packsOf(store, other)];
  putCopy(store, [...first.slice(1), ...second.slice(1)]);
  putCopy(store, [...second].reverse());
  const { packs, gets, events } = await newMachine(store);
  assert.deepEqual(packGets(gets), []);
  assert.equal(gets.length, 4);
  const told = events.find(({ event }) => event === "index-copies-read");
  assert.equal(told?.packCount, 2 * COPY_PACKS);
  assert.equal(told.packsLeft, 0);
  await assertReads(packs, blocks);
});

test("of packs that hold the same blocks the later ones are read, each once, and their blocks are not stored again", async () => {
  const store = new PliableStore();
  const blocks: TestBlock[] = await archive(store, COPY_PACKS);
  const before = keysOf(store, "packs/").length;
  // A machine that knows of none stores all of them again, in other packs.
  const stranger = openRig({ ...OPTIONS, store });
  const again = [...blocks.slice(2), ...blocks.slice(0, 2)];
  for (let at = 0; at < again.length; at += 5) {
    await writeBlocks(stranger.packs, again.slice(at, at + 5));
  }
  await stranger.packs.copyIndex();
  assert.equal(keysOf(store, "index/").length, 2);
  const added = keysOf(store, "packs/").length - before;
  assert.ok(added >= COPY_PACKS);
  const { packs, gets, events } = await newMachine(store);
  const progress = events.find(({ event }) => event === "index-copies-read");
  const left = Number(progress?.packsLeft);
  assert.ok(left >= COPY_PACKS && left < before + added);
  const directories = new Set(packGets(gets));
  assert.ok(directories.size >= left, `${directories.size} of ${left}`);
  await assertReads(packs, blocks);
  assert.equal((await writeBlocks(packs, blocks)).newCount, 0);
});

test("an archive that is closed while copies are read is left as it was", async () => {
  const store = new PliableStore();
  const blocks = await archive(store, 3 * COPY_PACKS);
  const rig = openRig({ ...OPTIONS, store });
  let reads = 0;
  let closing: Promise<void> | undefined;
  store.before = (operation, key) => {
    if (operation !== "get" || !key.startsWith("index/")) return;
    if (++reads === 3) closing = rig.packs.close();
  };
  await rig.packs.fill().catch(() => {});
  await closing;
  const { packs } = await newMachine(store);
  await assertReads(packs, blocks);
});
