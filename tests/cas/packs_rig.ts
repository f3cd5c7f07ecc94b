/** What the tests of packs share: packs over memory, and a store that can be made to fail. */

import assert from "node:assert/strict";
import {
  type BlobDescription,
  type BlobStore,
  type Capabilities,
  type GetOptions,
  type ListOptions,
  type OperationOptions,
  type PutOptions,
} from "../../blobstores/blob_store.ts";
import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";
import {
  type BlockDamage,
  BlockKind,
  type BlockStore,
} from "../../cas/block_store.ts";
import { createPortableLz4 } from "../../cas/codec/lz4.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import { MemoryIndex } from "../../cas/index/memory_index.ts";
import type { ScoreIndex } from "../../cas/index/score_index.ts";
import { openPacks } from "../../cas/packs/open_packs.ts";
import type { PackOptions } from "../../cas/packs/pack_options.ts";
import { createWasmHasher, type Hasher } from "../../cas/score.ts";

/** One for all tests: it has no state between calls. */
export const hasher: Hasher = await createWasmHasher();

/** A memory store whose operations pass through functions of the test. */
export class PliableStore implements BlobStore {
  readonly display = "memory:";
  readonly capabilities: Capabilities;
  readonly space: MemorySpace;
  readonly #store: MemoryStore;
  /** Called before each operation; what it throws is the operation's error. */
  before: (operation: string, key: string) => void | Promise<void> = () => {};
  /** Called with what a get returns. */
  onGet: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> = (
    bytes,
  ) => bytes;
  /** Called after each put that succeeded. */
  afterPut: (key: string) => void = () => {};
  /** Gets so far. */
  getCount = 0;

  constructor(
    space: MemorySpace = new MemorySpace(),
    capabilities: Partial<Capabilities> = {},
  ) {
    this.space = space;
    this.#store = new MemoryStore({ space });
    this.capabilities = {
      createExclusive: true,
      hold: false,
      concurrencyMax: 4,
      ...capabilities,
    };
  }

  async put(
    key: string,
    body: Uint8Array,
    options?: PutOptions,
  ): Promise<void> {
    await this.before("put", key);
    await this.#store.put(key, body, options);
    this.afterPut(key);
  }

  async get(
    key: string,
    options?: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    this.getCount++;
    await this.before("get", key);
    return this.onGet(await this.#store.get(key, options));
  }

  async head(
    key: string,
    options?: OperationOptions,
  ): Promise<BlobDescription | null> {
    await this.before("head", key);
    return await this.#store.head(key, options);
  }

  async *list(
    prefix: string,
    options?: ListOptions,
  ): AsyncGenerator<BlobDescription, void, undefined> {
    for await (const blob of this.#store.list(prefix, options)) {
      await this.before("list", blob.key);
      yield blob;
    }
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

/** Packs, and all that is around them. */
export interface Rig {
  readonly packs: BlockStore;
  readonly store: PliableStore;
  readonly index: ScoreIndex;
  readonly events: ArchiveEvent[];
  readonly slept: number[];
}

/** Opens packs over a store; sleeps take no time. */
export function openRig(
  options: Partial<Omit<PackOptions, "store">> & {
    readonly store?: PliableStore;
  } = {},
): Rig {
  const store = options.store ?? new PliableStore();
  const index = options.index ?? new MemoryIndex();
  const events: ArchiveEvent[] = [];
  const slept: number[] = [];
  const packs = openPacks({
    hasher,
    lz4: createPortableLz4(),
    onEvent: (event) => events.push(event),
    sleep(timeMs): Promise<void> {
      slept.push(timeMs);
      return Promise.resolve();
    },
    ...options,
    store,
    index,
  });
  return { packs, store, index, events, slept };
}

/** A block with its kind. */
export interface TestBlock {
  readonly kind: number;
  readonly bytes: Uint8Array;
}

/** The score of a block. */
export function scoreOf(block: TestBlock): Uint8Array {
  const score = new Uint8Array(32);
  hasher.score(block.kind, block.bytes, score);
  return score;
}

/** Noise that no codec makes smaller, different for each `seed`. */
export function noise(seed: number, length = 4096): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state >>> 11;
  }
  return bytes;
}

/** Blocks of one kind that differ, some of which compress. */
export function sampleBlocks(count: number, seed = 0): TestBlock[] {
  return Array.from({ length: count }, (_, i) => {
    const bytes = noise(seed * 1000 + i);
    if (i % 2 === 1) bytes.fill(i, 512);
    return { kind: BlockKind.Data, bytes };
  });
}

/** Writes blocks in one go; how many were new, and the packs. */
export async function writeBlocks(
  packs: BlockStore,
  blocks: readonly TestBlock[],
): Promise<{ newCount: number; names: readonly string[]; byteCount: number }> {
  const writer = packs.write();
  let newCount = 0;
  const scores = new Uint8Array(blocks.length * 32);
  blocks.forEach((block, i) => scores.set(scoreOf(block), i * 32));
  const isNew = writer.findNew(scores);
  for (const [i, block] of blocks.entries()) {
    const { kind, bytes } = block;
    const score = scoreOf(block);
    if (await writer.add(kind, score, bytes, isNew[i] === 1)) newCount++;
  }
  const { packs: names, byteCount } = await writer.finish();
  return { newCount, names, byteCount };
}

/** What a read delivered for one block. */
export type ReadResult = Uint8Array | BlockDamage;

/** Reads blocks, one request a kind; asserts that each is delivered once. */
export async function readBlocks(
  packs: Pick<BlockStore, "read">,
  blocks: readonly TestBlock[],
): Promise<ReadResult[]> {
  const results = new Map<TestBlock, ReadResult>();
  for (const kind of new Set(blocks.map((block) => block.kind))) {
    const wanted = blocks.filter((block) => block.kind === kind);
    const scores = new Uint8Array(wanted.length * 32);
    wanted.forEach((block, i) => scores.set(scoreOf(block), i * 32));
    const delivered = new Set<number>();
    await packs.read(kind, scores, (index, block, damage) => {
      assert.ok(!delivered.has(index), `block ${index} delivered twice`);
      delivered.add(index);
      assert.notEqual(block === undefined, damage === undefined);
      results.set(
        wanted[index] as TestBlock,
        block?.slice() ?? damage as BlockDamage,
      );
    });
    assert.equal(delivered.size, wanted.length);
  }
  return blocks.map((block) => results.get(block) as ReadResult);
}

/** Asserts that exactly the blocks at `damaged` are damaged and all others right. */
export async function assertReads(
  packs: BlockStore,
  blocks: readonly TestBlock[],
  damaged: readonly number[] = [],
): Promise<void> {
  const results = await readBlocks(packs, blocks);
  results.forEach((result, i) => {
    if (damaged.includes(i)) {
      assert.ok(!(result instanceof Uint8Array), `block ${i} was served`);
    } else {
      const { bytes } = blocks[i] as TestBlock;
      assert.deepEqual(result, bytes, `block ${i}`);
    }
  });
}

/** The bytes of the only blob under `packs/`, to be changed in place. */
export function onlyPack(store: PliableStore): Uint8Array {
  const keys = [...store.space.blobs.keys()].filter((key) =>
    key.startsWith("packs/")
  );
  assert.equal(keys.length, 1);
  return store.space.blobs.get(keys[0] as string) as Uint8Array;
}
