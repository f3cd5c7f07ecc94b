/**
 * One state of one volume as the frame thread sees it: overlay over cached
 * blocks. Answers at once, or not at all.
 *
 * @module
 */

import { BLOCK_SIZE, FULL_MASK } from "../block_pool.ts";
import { type BlockCache, CacheAnswer, CachedBlocks } from "./block_cache.ts";
import type { Overlay } from "./overlay.ts";

/** Bytes of a sector. */
export const SECTOR_SIZE = 512;

/** Bits of `count` sectors from `first`. */
export function sectorMask(first: number, count: number): number {
  return (FULL_MASK >> (8 - count)) << first;
}

/** A readable state. */
export class BlockView {
  /** The engine's handle. */
  readonly view: number;
  /** Size in blocks; grows with the volume. */
  blockCount: number;
  /** Sequence of the root under the overlay. */
  sequence: number;
  /** The overlay; a read-only state has none. */
  readonly overlay: Overlay | undefined;
  /** Verified blocks of the archive. */
  readonly cached: CachedBlocks;
  readonly #bytes: Uint8Array;

  /** A view of what the engine opened. */
  constructor(
    description: {
      readonly view: number;
      readonly blockCount: number;
      readonly sequence: number;
    },
    cache: BlockCache,
    overlay: Overlay | undefined,
  ) {
    this.view = description.view;
    this.blockCount = description.blockCount;
    this.sequence = description.sequence;
    this.overlay = overlay;
    this.cached = new CachedBlocks(cache);
    this.#bytes = cache.pool.bytes;
  }

  /** Copies sectors of one block if they are at hand, and says whether. */
  copyNow(
    block: number,
    first: number,
    count: number,
    into: Uint8Array,
    offset: number,
  ): boolean {
    const { overlay } = this;
    const wanted = sectorMask(first, count);
    const active = overlay === undefined ? -1 : overlay.activeSlot(block);
    const frozen = overlay === undefined ? -1 : overlay.frozenSlot(block);
    const activeMask = overlay === undefined ? 0 : overlay.maskOf(active);
    if ((activeMask & wanted) === wanted) {
      this.#copy(active, first, count, into, offset);
      return true;
    }
    const frozenMask = overlay === undefined ? 0 : overlay.maskOf(frozen);
    const below = wanted & ~(activeMask | frozenMask);
    const base = below === 0 ? -1 : this.cached.find(block);
    if (below !== 0 && base === CacheAnswer.Absent) return false;
    if (below === wanted) {
      this.#copy(base, first, count, into, offset);
      return true;
    }
    for (let sector = first; sector < first + count; sector++) {
      const bit = 1 << sector;
      const inFrozen = (frozenMask & bit) !== 0 ? frozen : base;
      const slot = (activeMask & bit) !== 0 ? active : inFrozen;
      this.#copy(slot, sector, 1, into, offset + (sector - first) * 512);
    }
    return true;
  }

  /** True if a read of the whole block would have to fetch it. */
  needsFetch(block: number): boolean {
    const { overlay } = this;
    const local = overlay === undefined
      ? 0
      : overlay.maskOf(overlay.activeSlot(block)) |
        overlay.maskOf(overlay.frozenSlot(block));
    return local !== FULL_MASK &&
      this.cached.find(block) === CacheAnswer.Absent;
  }

  #copy(
    slot: number,
    first: number,
    count: number,
    into: Uint8Array,
    offset: number,
  ): void {
    const length = count * SECTOR_SIZE;
    if (slot === CacheAnswer.Zero) {
      into.fill(0, offset, offset + length);
      return;
    }
    const start = slot * BLOCK_SIZE + first * SECTOR_SIZE;
    into.set(this.#bytes.subarray(start, start + length), offset);
  }
}
