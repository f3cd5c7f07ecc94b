/** What tests of index copies share: archives that have some, machines that read them, and forgeries. */

import assert from "node:assert/strict";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { DiskIndex } from "../../cas/index/disk_index.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import type { ScoreIndex } from "../../cas/index/score_index.ts";
import {
  type CopySection,
  decodeCopyHead,
} from "../../cas/packs/index_copy_format.ts";
import { seeded } from "./front/fixtures.ts";
import {
  hasher,
  openRig,
  type PliableStore,
  type Rig,
  sampleBlocks,
  type TestBlock,
  writeBlocks,
} from "./packs_rig.ts";

/** Packs of a copy. */
export const COPY_PACKS = 4;
/** Small packs, so that there are many. */
export const OPTIONS: {
  readonly packBytesMax: number;
  readonly copyPackCount: number;
} = { packBytesMax: 20_000, copyPackCount: COPY_PACKS };

/** So many packs over a store, with copies of all but the last ones. */
export async function archive(
  store: PliableStore,
  packCount: number,
  seed = 0,
): Promise<TestBlock[]> {
  const { packs } = openRig({ ...OPTIONS, store });
  await packs.fill();
  const blocks: TestBlock[] = [];
  for (let pack = 0; pack < packCount; pack++) {
    const some = sampleBlocks(5, seed + pack + 1);
    const { names } = await writeBlocks(packs, some);
    assert.equal(names.length, 1);
    blocks.push(...some);
    await packs.copyIndex();
  }
  await packs.close();
  return blocks;
}

/** The keys that begin so. */
export function keysOf(store: PliableStore, prefix: string): string[] {
  return [...store.space.blobs.keys()].filter((key) => key.startsWith(prefix))
    .sort();
}

/** A new machine over the store, and what it got from where. */
export async function newMachine(
  store: PliableStore,
  options: Parameters<typeof openRig>[0] = {},
): Promise<Rig & { readonly gets: string[] }> {
  const gets: string[] = [];
  store.before = (operation, key) => {
    if (operation === "get") gets.push(key);
  };
  const rig = openRig({ ...OPTIONS, index: newIndex(), ...options, store });
  await rig.packs.fill();
  return { ...rig, gets };
}

/** Of a new machine: in memory, or on a disk that is filled in partitions. */
let newIndex: () => ScoreIndex = () => new MemoryIndex();

/** A test of both. */
export function test(name: string, body: () => Promise<void>): void {
  for (const onDisk of [false, true]) {
    Deno.test(onDisk ? `${name}, with an index on disk` : name, async () => {
      newIndex = (): ScoreIndex =>
        onDisk
          ? openIndex(new SimulatedDisk({ random: seeded(1) }), {
            tableEntriesMax: 1,
          })
          : new MemoryIndex();
      await body();
    });
  }
}

/** An index of the archive on a disk. */
export function openIndex(
  disk: SimulatedDisk,
  options: { readonly tableEntriesMax?: number } = {},
): DiskIndex {
  return DiskIndex.open({
    disk,
    identity: "archive",
    hash: hasher.hash,
    onEvent: () => {},
    ...options,
  });
}

/** Which of them are of packs. */
export function packGets(gets: readonly string[]): string[] {
  return gets.filter((key) => key.startsWith("packs/"));
}

/** Has a copy give two blocks the places of each other. */
export function exchangePlaces(bytes: Uint8Array, block: number): void {
  const first = bytes.slice(block, block + 20);
  bytes.copyWithin(block, block + 22, block + 42);
  bytes.set(first, block + 22);
}

/** Has a copy give two blocks the lengths of each other. */
export function exchangeExtents(bytes: Uint8Array, block: number): void {
  const first = bytes.slice(block + 20, block + 22);
  bytes.copyWithin(block + 20, block + 42, block + 44);
  bytes.set(first, block + 42);
}

/** Puts a copy like the only one there is, changed, in its place. */
export function forge(
  store: PliableStore,
  change: (bytes: Uint8Array, firstBlock: number) => void,
): string {
  const [key] = keysOf(store, "index/") as [string];
  const bytes = store.space.blobs.get(key)!.slice();
  const [first] = decodeCopyHead(
    bytes,
    bytes.length,
    hasher.hash,
  ) as CopySection[];
  change(bytes, first!.start);
  store.space.blobs.delete(key);
  const forged = `index/${hasher.hash(bytes).toHex()}`;
  store.space.blobs.set(forged, bytes);
  return forged;
}
