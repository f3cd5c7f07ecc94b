/**
 * The slots of the pool, and the verified blocks that lie in those which
 * nothing else needs.
 *
 * Overlay, fetches under way and cache share the slots. The cache gives way: a
 * taken slot is a free one, or the one of the block that CLOCK finds unused
 * longest.
 *
 * @module
 */

import { BLOCK_SIZE, type BlockPool } from "../block_pool.ts";
import { blockHash, GROUP_SIZE } from "./block_hash.ts";

/** What `CachedBlocks.find` answers beside a slot number. */
export const CacheAnswer = {
  /** Nothing is known of the block. */
  Absent: -1,
  /** The block is all zeros and has no slot. */
  Zero: -2,
} as const;

/** What CLOCK knows of a slot. */
const Use = { NotCached: 0, Unused: 1, Used: 2 } as const;

/** Slots that are told to be needed soon, before they are: 8 MiB. */
const SLOTS_AHEAD = 2048;

/** All slots. */
export class BlockCache {
  /** The memory. */
  readonly pool: BlockPool;
  readonly #uses: Uint8Array;
  readonly #blocks: Float64Array;
  readonly #owners: (CachedBlocks | undefined)[];
  readonly #free: Uint32Array;
  #freeCount: number;
  #cachedCount = 0;
  #hand = 0;
  /** The first cached slot of each chain of the hash table, and one more: 0 for none. */
  readonly #heads: Uint32Array;
  /** The one behind each in its chain, likewise. */
  readonly #nexts: Uint32Array;
  #ownerCount = 0;
  readonly #prepare: ((end: number) => void) | undefined;
  /** `prepare` is told more when a slot is taken from here on. */
  #untold = 0;

  /** Takes over all slots of a pool; `prepare` is told that its bytes up to `end` are needed soon, for the first time. */
  constructor(pool: BlockPool, prepare?: (end: number) => void) {
    const { slotCount } = pool;
    this.pool = pool;
    this.#prepare = prepare;
    this.#uses = new Uint8Array(slotCount);
    this.#blocks = new Float64Array(slotCount);
    this.#owners = new Array<CachedBlocks | undefined>(slotCount);
    this.#free = new Uint32Array(slotCount);
    // The lowest slots go first, so that memory is touched only as needed.
    for (let slot = 0; slot < slotCount; slot++) {
      this.#free[slot] = slotCount - 1 - slot;
    }
    this.#freeCount = slotCount;
    let chainCount = GROUP_SIZE;
    while (chainCount < slotCount) chainCount *= 2;
    this.#heads = new Uint32Array(chainCount);
    this.#nexts = new Uint32Array(slotCount);
  }

  /** Slots that can be taken now. */
  get takeableCount(): number {
    return this.#freeCount + this.#cachedCount;
  }

  /** Blocks in the cache that have a slot. */
  get cachedCount(): number {
    return this.#cachedCount;
  }

  /** A slot for the caller alone, its bytes arbitrary; -1 when there is none. */
  take(): number {
    if (this.#freeCount > 0) {
      const slot = this.#free[--this.#freeCount] as number;
      if (slot >= this.#untold) this.#tell(slot);
      return slot;
    }
    if (this.#cachedCount === 0) return -1;
    for (;;) {
      const slot = this.#hand;
      this.#hand = slot + 1 === this.#uses.length ? 0 : slot + 1;
      if (this.#uses[slot] === Use.Used) {
        this.#uses[slot] = Use.Unused;
      } else if (this.#uses[slot] === Use.Unused) {
        this.#uncache(slot);
        return slot;
      }
    }
  }

  /** Free slots are taken in order at first, so few are told of at a time. */
  #tell(slot: number): void {
    this.#untold = slot + SLOTS_AHEAD / 2;
    this.#prepare?.((slot + SLOTS_AHEAD) * BLOCK_SIZE);
  }

  /** Gives a taken slot back. */
  give(slot: number): void {
    this.#free[this.#freeCount++] = slot;
  }

  /** A number for the cached blocks of one more view. */
  nextOwner(): number {
    return this.#ownerCount++;
  }

  /** The slot of a cached block, or -1; for `CachedBlocks`. */
  slotOf(owner: CachedBlocks, block: number): number {
    let next = this.#heads[this.#chainOf(owner, block)]!;
    while (next !== 0) {
      const slot = next - 1;
      if (this.#blocks[slot] === block && this.#owners[slot] === owner) {
        return slot;
      }
      next = this.#nexts[slot]!;
    }
    return -1;
  }

  /** Makes a taken slot a cached block, which is not there yet; for `CachedBlocks`. */
  adopt(slot: number, owner: CachedBlocks, block: number): void {
    const chain = this.#chainOf(owner, block);
    this.#nexts[slot] = this.#heads[chain]!;
    this.#heads[chain] = slot + 1;
    this.#owners[slot] = owner;
    this.#blocks[slot] = block;
    this.#uses[slot] = Use.Unused;
    this.#cachedCount++;
  }

  /** Gives a cached block's slot back; for `CachedBlocks`. */
  release(slot: number): void {
    this.#uncache(slot);
    this.give(slot);
  }

  /** The same with all of an owner's. */
  releaseAll(owner: CachedBlocks): void {
    for (let slot = 0; slot < this.#owners.length; slot++) {
      if (this.#owners[slot] === owner) this.release(slot);
    }
  }

  /** Notes that a cached block was read. */
  touch(slot: number): void {
    this.#uses[slot] = Use.Used;
  }

  #uncache(slot: number): void {
    const owner = this.#owners[slot] as CachedBlocks;
    this.#unchain(slot, this.#chainOf(owner, this.#blocks[slot]!));
    this.#uses[slot] = Use.NotCached;
    this.#owners[slot] = undefined;
    this.#cachedCount--;
  }

  #unchain(slot: number, chain: number): void {
    let next = this.#heads[chain]!;
    if (next === slot + 1) {
      this.#heads[chain] = this.#nexts[slot]!;
      return;
    }
    let before = next - 1;
    while ((next = this.#nexts[before]!) !== slot + 1) before = next - 1;
    this.#nexts[before] = this.#nexts[slot]!;
  }

  #chainOf({ id }: CachedBlocks, block: number): number {
    return blockHash(block, id) & (this.#heads.length - 1);
  }
}

/** The cached blocks of one view. */
export class CachedBlocks {
  /** Tells it from others of the same cache. */
  readonly id: number;
  readonly #cache: BlockCache;
  readonly #zeros: Set<number> = new Set();

  /** Nothing cached yet. */
  constructor(cache: BlockCache) {
    this.#cache = cache;
    this.id = cache.nextOwner();
  }

  /** The slot of a block, or a `CacheAnswer`. */
  find(block: number): number {
    const slot = this.#cache.slotOf(this, block);
    if (slot >= 0) {
      this.#cache.touch(slot);
      return slot;
    }
    return this.#zeros.has(block) ? CacheAnswer.Zero : CacheAnswer.Absent;
  }

  /** Takes a slot over as the block's present content. */
  put(block: number, slot: number): void {
    this.drop(block);
    this.#cache.adopt(slot, this, block);
  }

  /** Notes that a block is all zeros. */
  putZero(block: number): void {
    this.drop(block);
    // A bound, since these notes are not counted in slots.
    if (this.#zeros.size >= this.#cache.pool.slotCount) this.#zeros.clear();
    this.#zeros.add(block);
  }

  /** Forgets a block whose content is not this any more. */
  drop(block: number): void {
    if (this.#zeros.size > 0) this.#zeros.delete(block);
    const slot = this.#cache.slotOf(this, block);
    if (slot >= 0) this.#cache.release(slot);
  }

  /** Forgets all blocks. */
  clear(): void {
    this.#cache.releaseAll(this);
    this.#zeros.clear();
  }
}
