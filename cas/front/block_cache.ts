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

import type { BlockPool } from "../block_pool.ts";

/** What `CachedBlocks.find` answers beside a slot number. */
export const CacheAnswer = {
  /** Nothing is known of the block. */
  Absent: -1,
  /** The block is all zeros and has no slot. */
  Zero: -2,
} as const;

/** What CLOCK knows of a slot. */
const Use = { NotCached: 0, Unused: 1, Used: 2 } as const;

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

  /** Takes over all slots of a pool. */
  constructor(pool: BlockPool) {
    const { slotCount } = pool;
    this.pool = pool;
    this.#uses = new Uint8Array(slotCount);
    this.#blocks = new Float64Array(slotCount);
    this.#owners = new Array<CachedBlocks | undefined>(slotCount);
    this.#free = new Uint32Array(slotCount);
    // The lowest slots go first, so that memory is touched only as needed.
    for (let slot = 0; slot < slotCount; slot++) {
      this.#free[slot] = slotCount - 1 - slot;
    }
    this.#freeCount = slotCount;
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
    if (this.#freeCount > 0) return this.#free[--this.#freeCount] as number;
    if (this.#cachedCount === 0) return -1;
    for (;;) {
      const slot = this.#hand;
      this.#hand = slot + 1 === this.#uses.length ? 0 : slot + 1;
      if (this.#uses[slot] === Use.Used) {
        this.#uses[slot] = Use.Unused;
      } else if (this.#uses[slot] === Use.Unused) {
        this.#owners[slot]?.forget(this.#blocks[slot] as number);
        this.#uncache(slot);
        return slot;
      }
    }
  }

  /** Gives a taken slot back. */
  give(slot: number): void {
    this.#free[this.#freeCount++] = slot;
  }

  /** Makes a taken slot a cached block; for `CachedBlocks`. */
  adopt(slot: number, owner: CachedBlocks, block: number): void {
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

  /** Notes that a cached block was read. */
  touch(slot: number): void {
    this.#uses[slot] = Use.Used;
  }

  #uncache(slot: number): void {
    this.#uses[slot] = Use.NotCached;
    this.#owners[slot] = undefined;
    this.#cachedCount--;
  }
}

/** The cached blocks of one view. */
export class CachedBlocks {
  readonly #cache: BlockCache;
  readonly #slots: Map<number, number> = new Map();
  readonly #zeros: Set<number> = new Set();

  /** Nothing cached yet. */
  constructor(cache: BlockCache) {
    this.#cache = cache;
  }

  /** The slot of a block, or a `CacheAnswer`. */
  find(block: number): number {
    const slot = this.#slots.get(block);
    if (slot !== undefined) {
      this.#cache.touch(slot);
      return slot;
    }
    return this.#zeros.has(block) ? CacheAnswer.Zero : CacheAnswer.Absent;
  }

  /** Takes a slot over as the block's present content. */
  put(block: number, slot: number): void {
    this.drop(block);
    this.#slots.set(block, slot);
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
    this.#zeros.delete(block);
    const slot = this.#slots.get(block);
    if (slot === undefined) return;
    this.#slots.delete(block);
    this.#cache.release(slot);
  }

  /** Forgets all blocks. */
  clear(): void {
    for (const slot of this.#slots.values()) this.#cache.release(slot);
    this.#slots.clear();
    this.#zeros.clear();
  }

  /** Forgets a block whose slot was taken away; for `BlockCache`. */
  forget(block: number): void {
    this.#slots.delete(block);
  }
}
