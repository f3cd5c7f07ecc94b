/**
 * Written sectors of one volume that are not yet archived: block number to
 * slot, and for each slot which sectors count. Two generations: the active one
 * takes writes, the frozen one is being archived and does not change.
 *
 * @module
 */

import type { BlockCache } from "./block_cache.ts";
import { Generation } from "./generation.ts";

/** What all overlays share. */
export class OverlayBudget {
  /** Where slots come from. */
  readonly cache: BlockCache;
  /** Most slots of all overlays together. */
  readonly slotsMax: number;
  /** For each slot of an overlay: bit `i` set, sector `i` counts. */
  readonly masks: Uint8Array;
  /** Slots in overlays now. */
  slotsUsed = 0;
  /** Those of them that are in frozen generations. */
  slotsFrozen = 0;

  /** An empty budget; `slotsMax` below the pool's leaves the rest to reads. */
  constructor(cache: BlockCache, slotsMax: number) {
    this.cache = cache;
    this.slotsMax = slotsMax;
    this.masks = new Uint8Array(cache.pool.slotCount);
  }

  /** True if so many more slots can be taken. */
  hasRoom(count: number): boolean {
    return this.slotsUsed + count <= this.slotsMax &&
      this.cache.takeableCount >= count;
  }
}

/** The overlay of one volume. */
export class Overlay {
  readonly #budget: OverlayBudget;
  #active: Generation = new Generation();
  #frozen: Generation | undefined;

  /** Nothing written yet. */
  constructor(budget: OverlayBudget) {
    this.#budget = budget;
  }

  /** Blocks in the active generation. */
  get activeCount(): number {
    return this.#active.size;
  }

  /** The slot of a block in the active generation, or -1. */
  activeSlot(block: number): number {
    return this.#active.slotOf(block);
  }

  /** The slot of a block in the frozen generation, or -1. */
  frozenSlot(block: number): number {
    return this.#frozen?.slotOf(block) ?? -1;
  }

  /** The sectors of a slot that count; none for -1. */
  maskOf(slot: number): number {
    return slot < 0 ? 0 : this.#budget.masks[slot] as number;
  }

  /** How many slots a write to these blocks would take. */
  slotsNeeded(firstBlock: number, lastBlock: number): number {
    let count = 0;
    for (let block = firstBlock; block <= lastBlock; block++) {
      if (this.#active.slotOf(block) < 0) count++;
    }
    return count;
  }

  /** How many of these blocks are in neither generation. */
  slotsLacking(firstBlock: number, lastBlock: number): number {
    let count = this.slotsNeeded(firstBlock, lastBlock);
    for (let block = firstBlock; block <= lastBlock; block++) {
      if (this.#active.slotOf(block) < 0 && this.frozenSlot(block) >= 0) {
        count--;
      }
    }
    return count;
  }

  /** The slot to write these sectors of a block into. There is room for it. */
  slotForWrite(block: number, mask: number): number {
    const { masks, cache } = this.#budget;
    let slot = this.#active.slotOf(block);
    if (slot < 0) {
      slot = cache.take();
      if (slot < 0) throw new Error("the overlay's budget was not kept");
      this.#budget.slotsUsed++;
      this.#active.add(block, slot);
      masks[slot] = 0;
    }
    masks[slot] = (masks[slot] as number) | mask;
    return slot;
  }

  /** Makes the active generation the frozen one, of which there is none. */
  freeze(): Generation {
    const frozen = this.#active;
    // As much is likely to come again; growing would hold up frames.
    this.#active = new Generation(frozen.size);
    this.#frozen = frozen;
    this.#budget.slotsFrozen += frozen.size;
    return frozen;
  }

  /** Takes one block out of the frozen generation; its slot is the caller's. */
  takeFrozen(block: number): number {
    const slot = this.#frozen?.take(block) ?? -1;
    this.#budget.slotsUsed--;
    this.#budget.slotsFrozen--;
    return slot;
  }

  /** Ends the frozen generation, which is empty. */
  thaw(): void {
    this.#frozen = undefined;
  }
}
