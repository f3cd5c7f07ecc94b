/**
 * How much memory and local disk a server takes for itself: from the machine's
 * memory, so that nobody has to divide it by hand.
 *
 * @module
 */

import { BLOCK_SIZE } from "../cas/block_pool.ts";
import type { FrontBudget } from "../cas/front/front_options.ts";

const MEBIBYTE: number = 1024 * 1024;
/** One part in so many of the memory is for overlay and cache. */
const MEMORY_SHARE = 10;
const POOL_BYTES_MIN: number = 64 * MEBIBYTE;
/** A journal of this size is replayed within seconds. */
const POOL_BYTES_MAX: number = 1024 * MEBIBYTE;
/** Where the machine's memory cannot be asked for. */
const MEMORY_BYTES_DEFAULT: number = 2560 * MEBIBYTE;
/** How far a store may be behind: another machine's, and one of this machine. */
const LAG_REMOTE_MS = 10_000;
const LAG_LOCAL_MS = 60_000;

/** What a server may take. */
export interface MemoryBudget {
  /** Blocks of overlay and cache together. */
  readonly poolSlotCount: number;
  /** The journal, and when it is folded into the archive. */
  readonly front: FrontBudget;
}

/**
 * Divides the memory of a machine: a tenth of it, 64 MiB to 1 GiB, is for
 * overlay and cache. The journal takes as much of the disk. Writes faster than
 * the archive takes them fill both, and are slowed from the half on. `lagMsMax`
 * is how far the archive may be behind.
 */
export function memoryBudget(
  memoryBytes: number,
  lagMsMax: number = LAG_LOCAL_MS,
): MemoryBudget {
  const wanted = Math.min(
    POOL_BYTES_MAX,
    Math.max(POOL_BYTES_MIN, memoryBytes / MEMORY_SHARE),
  );
  const poolSlotCount = Math.floor(wanted / BLOCK_SIZE);
  const poolBytes = poolSlotCount * BLOCK_SIZE;
  const checkpointBytes = Math.floor(poolBytes / 4);
  return {
    poolSlotCount,
    front: {
      journalBytesMax: poolBytes,
      checkpointBytes,
      // Writes go on while a checkpoint is begun.
      journalFillBytes: Math.floor(checkpointBytes * 1.25),
      // Half of the time is for gathering writes, half for storing them.
      checkpointAgeMs: lagMsMax / 2,
      lagMsMax,
    },
  };
}

/** How far the store at a URL may be behind where nobody said otherwise. */
export function defaultLagMs(storeUrl: string): number {
  return /^(file|memory):/i.test(storeUrl) ? LAG_LOCAL_MS : LAG_REMOTE_MS;
}

/** Bytes of memory of this machine; a guess where asking is not permitted. */
export function machineMemoryBytes(): number {
  const { state } = Deno.permissions.querySync({
    name: "sys",
    kind: "systemMemoryInfo",
  });
  return state === "granted"
    ? Deno.systemMemoryInfo().total
    : MEMORY_BYTES_DEFAULT;
}
