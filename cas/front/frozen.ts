/**
 * A frozen generation on its way to the engine and back. A generation may have
 * hundreds of thousands of blocks, so everything here works in slices and lets
 * the frame loop run between them.
 *
 * @module
 */

import type { FrozenVolume, NewRoot } from "../archive_port.ts";
import { BLOCK_SIZE, FULL_MASK, SECTORS_PER_BLOCK } from "../block_pool.ts";
import { SECTOR_SIZE } from "./block_view.ts";
import type { Clock } from "./clock.ts";
import type { Head } from "./head.ts";
import type { Generation } from "./generation.ts";
import type { OverlayBudget } from "./overlay.ts";
import type { SectorRange } from "./volume.ts";

/** Takes sectors as a client's write would; false when there is no room. */
export type RewriteSectors = (
  head: Head,
  range: SectorRange,
  from: Uint8Array,
  offset: number,
) => boolean;

/** Blocks handled in one turn: below 1 ms. */
const SLICE_BLOCKS = 2048;

/** One volume's part of a generation that was just frozen. */
export interface FrozenPart {
  /** Whose. */
  readonly head: Head;
  /** Its blocks. */
  readonly generation: Generation;
}

/** Lists a part's blocks in ascending order. */
export async function listFrozen(
  part: FrozenPart,
  masks: Uint8Array,
  clock: Clock,
): Promise<FrozenVolume> {
  const sorted = await sortAscending(part.generation.blocks(), clock);
  const count = sorted.length;
  const slots = new Uint32Array(count);
  const partMasks = new Uint8Array(count);
  for (let index = 0; index < count; index++) {
    const slot = part.generation.slotOf(sorted[index] as number);
    slots[index] = slot;
    partMasks[index] = masks[slot] as number;
    if (index % SLICE_BLOCKS === SLICE_BLOCKS - 1) await clock.yieldTurn();
  }
  return { view: part.head.view.view, blocks: sorted, slots, masks: partMasks };
}

/** How many sectors of these frozen blocks were written. */
export function countSectors(
  { head }: FrozenPart,
  blocks: Iterable<number>,
): number {
  const { overlay } = head.view;
  let count = 0;
  for (const block of blocks) {
    const slot = overlay?.frozenSlot(block) ?? -1;
    for (let mask = overlay?.maskOf(slot) ?? 0; mask > 0; mask >>= 1) {
      count += mask & 1;
    }
  }
  return count;
}

/** What `installRoot` needs beside the part. */
export interface InstallOptions {
  /** The volume's new root; undefined when it did not move. */
  readonly root: NewRoot | undefined;
  /** Blocks that the root does not hold: they stay frozen. */
  readonly deferred: ReadonlySet<number>;
  /** Takes the slots back. */
  readonly budget: OverlayBudget;
  /** Gives way to frames. */
  readonly clock: Clock;
}

/**
 * Puts a new root under a volume and lets go of the blocks that it holds: whole
 * ones move into the cache as they are, the others are fetched anew.
 *
 * The sequence changes first: from then on no block of the older root enters
 * the cache. Until its turn comes a block is still covered by the generation.
 */
export async function installRoot(
  part: FrozenPart,
  frozen: FrozenVolume,
  options: InstallOptions,
): Promise<void> {
  const { root, deferred, budget, clock } = options;
  const { view } = part.head;
  const { overlay, cached } = view;
  if (overlay === undefined) throw new TypeError("The view is read-only");
  if (root !== undefined) view.sequence = root.sequence;
  for (let index = 0; index < frozen.blocks.length; index++) {
    const block = frozen.blocks[index] as number;
    if (deferred.has(block)) continue;
    const slot = overlay.takeFrozen(block);
    if (frozen.masks[index] === FULL_MASK) {
      cached.put(block, slot);
    } else {
      cached.drop(block);
      budget.cache.give(slot);
    }
    if (index % SLICE_BLOCKS === SLICE_BLOCKS - 1) await clock.yieldTurn();
  }
  if (deferred.size === 0) overlay.thaw();
}

/**
 * Writes a frozen block's sectors again, into the active generation and the
 * journal's present segment, so that the segments of before are not needed for
 * it. Sectors written since keep their newer content. False, with a part of
 * them written, when there is no room now.
 */
export function rewriteBlock(
  { head }: FrozenPart,
  block: number,
  budget: OverlayBudget,
  write: RewriteSectors,
): boolean {
  const { overlay } = head.view;
  if (overlay === undefined) throw new TypeError("The view is read-only");
  const slot = overlay.frozenSlot(block);
  const { bytes } = budget.cache.pool;
  for (let sector = 0; sector < SECTORS_PER_BLOCK; sector++) {
    const newer = overlay.maskOf(overlay.activeSlot(block));
    if ((overlay.maskOf(slot) & ~newer & 1 << sector) === 0) continue;
    const range = { lba: block * SECTORS_PER_BLOCK + sector, sectorCount: 1 };
    if (!write(head, range, bytes, slot * BLOCK_SIZE + sector * SECTOR_SIZE)) {
      return false;
    }
  }
  overlay.takeFrozen(block);
  budget.cache.give(slot);
  return true;
}

/** Merge sort in slices: one sort of a large array would hold up frames. */
async function sortAscending(
  numbers: Float64Array,
  clock: Clock,
): Promise<Float64Array> {
  if (await isAscending(numbers, clock)) return numbers;
  let source: Float64Array = numbers;
  for (let start = 0; start < source.length; start += SLICE_BLOCKS) {
    source.subarray(start, start + SLICE_BLOCKS).sort();
    await clock.yieldTurn();
  }
  let target: Float64Array = new Float64Array(source.length);
  for (let run = SLICE_BLOCKS; run < source.length; run *= 2) {
    for (let start = 0; start < source.length; start += 2 * run) {
      await mergeRuns(source, target, { start, run }, clock);
    }
    [source, target] = [target, source];
  }
  return source;
}

/** True for what was written from one end to the other. */
async function isAscending(
  numbers: Float64Array,
  clock: Clock,
): Promise<boolean> {
  for (let index = 1; index < numbers.length; index++) {
    if (numbers[index - 1]! > numbers[index]!) return false;
    if (index % SLICE_BLOCKS === 0) await clock.yieldTurn();
  }
  return true;
}

async function mergeRuns(
  source: Float64Array,
  target: Float64Array,
  place: { readonly start: number; readonly run: number },
  clock: Clock,
): Promise<void> {
  const middle = Math.min(place.start + place.run, source.length);
  const end = Math.min(middle + place.run, source.length);
  let left = place.start;
  let right = middle;
  for (let at = place.start; at < end; at++) {
    const takeLeft = left < middle &&
      (right >= end || (source[left] as number) <= (source[right] as number));
    target[at] = source[takeLeft ? left++ : right++] as number;
    if (at % SLICE_BLOCKS === SLICE_BLOCKS - 1) await clock.yieldTurn();
  }
}
