/**
 * How much memory and local disk a server takes for itself: one number for all
 * of it, so that nobody has to divide it by hand.
 *
 * @module
 */

import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import type { FrontBudget } from "../../cas/front/front_options.ts";
import { PACK_BYTES_MAX } from "../../cas/packs/pack_format.ts";
import { formatSize, parseSize } from "../output/size.ts";
import { UsageError } from "../usage_error.ts";

const MEBIBYTE: number = 1024 * 1024;
/** One part in so many of the machine's memory, where nobody said otherwise. */
const MEMORY_SHARE = 10;
/** Where the machine's memory cannot be asked for. */
const MACHINE_BYTES_DEFAULT: number = 2560 * MEBIBYTE;
/** Below this the program itself leaves nothing to divide. */
const MEMORY_BYTES_MIN: number = 480 * MEBIBYTE;
/** The program, its two threads, and what they have not yet given back: 300 MiB while they write (measured, 2026-11). */
const PROGRAM_BYTES: number = 352 * MEBIBYTE;
/** A journal of this size is replayed within seconds. */
const POOL_BYTES_MAX: number = 1024 * MEBIBYTE;
const POINTER_BYTES_MAX: number = 32 * MEBIBYTE;
/** Memory beyond the program above which three packs are put at once. */
const AMPLE_BYTES: number = 512 * MEBIBYTE;
/** How far a store may be behind: another machine's, and one of this machine. */
const LAG_REMOTE_MS = 10_000;
const LAG_LOCAL_MS = 60_000;

/** What the archive's half of a server may take. */
export interface EngineBudget {
  /** Filters of the index; beyond it old blocks may be stored again. */
  readonly indexFilterBytesMax: number;
  /** Pointer blocks at hand. */
  readonly pointerCacheBytesMax: number;
  /** Packs that are put at once, each in memory; one more is being filled. */
  readonly packsInFlightMax: number;
}

/** What a server may take. */
export interface MemoryBudget {
  /** Blocks of overlay and cache together. */
  readonly poolSlotCount: number;
  /** The journal, and when it is folded into the archive. */
  readonly front: FrontBudget;
  /** Index, pointer blocks and packs. */
  readonly engine: EngineBudget;
}

/**
 * Divides memory. After the program itself, the packs in the making and the
 * pointer blocks, a third is for the filters of the index, and two thirds, up
 * to 1 GiB, for overlay and cache; what that leaves is the index's, too. The
 * journal takes as much of the disk as overlay and cache of the memory. Writes
 * faster than the archive takes them fill both, and are slowed from the half
 * on. `lagMsMax` is how far the archive may be behind.
 */
export function memoryBudget(
  memoryBytes: number,
  lagMsMax: number = LAG_LOCAL_MS,
): MemoryBudget {
  const divided = Math.max(MEMORY_BYTES_MIN, memoryBytes) - PROGRAM_BYTES;
  const packsInFlightMax = divided < AMPLE_BYTES ? 1 : 3;
  const pointerCacheBytesMax = Math.min(POINTER_BYTES_MAX, divided / 16);
  const left = divided - pointerCacheBytesMax -
    (packsInFlightMax + 1) * PACK_BYTES_MAX;
  const wanted = Math.min(POOL_BYTES_MAX, left / 3 * 2);
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
    engine: {
      indexFilterBytesMax: left - poolBytes,
      pointerCacheBytesMax,
      packsInFlightMax,
    },
  };
}

/** Reads what `--memory` says. Throws a `UsageError`. */
export function parseMemory(text: string): number {
  const byteCount = parseSize(text);
  if (byteCount === undefined) {
    throw new UsageError(
      `Cannot read the memory "${text}": write a size such as 2GiB`,
    );
  }
  if (byteCount < MEMORY_BYTES_MIN) {
    throw new UsageError(
      `The memory "${text}" is too little: a server takes at least ${
        formatSize(MEMORY_BYTES_MIN)
      }`,
    );
  }
  return byteCount;
}

/** What a server takes where nobody said otherwise: a tenth of the machine's memory, and never too little to work. */
export function defaultMemoryBytes(machineBytes: number): number {
  return Math.max(MEMORY_BYTES_MIN, Math.floor(machineBytes / MEMORY_SHARE));
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
    : MACHINE_BYTES_DEFAULT;
}
