/**
 * What an archive front is given.
 *
 * @module
 */

import type { ArchivePort } from "../archive_port.ts";
import type { BlockPool } from "../block_pool.ts";
import type { Disk } from "../disk/disk.ts";
import type { EventSink } from "../events.ts";
import type { Clock } from "./clock.ts";

/** `FrontBudget.batchBytesMax` when it is absent. */
export const BATCH_BYTES_MAX: number = 4 * 1024 * 1024;

/**
 * Limits; all of them together bound memory and local disk.
 *
 * Two generations may be in memory and in the journal at once, and replies are
 * held back beyond half of either: so `checkpointBytes` should be at most a
 * quarter of `journalBytesMax` and of the pool.
 */
export interface FrontBudget {
  /** Bytes of the journal beyond which writes wait. */
  readonly journalBytesMax: number;
  /** Written bytes after which a checkpoint begins. */
  readonly checkpointBytes: number;
  /** Milliseconds after a write at which a checkpoint begins at the latest. */
  readonly checkpointAgeMs: number;
  /** Milliseconds that the archive may be behind before it is told: twice `checkpointAgeMs` when absent. */
  readonly lagMsMax?: number;
  /** Bytes that a file of the journal is filled to ahead of need: what a checkpoint takes and some more; 0 by default. */
  readonly journalFillBytes?: number;
  /** Bytes of one batch of the journal, a multiple of 4096, `BATCH_BYTES_MAX` by default; there are two buffers. */
  readonly batchBytesMax?: number;
}

/** Options of `ArchiveFront.open`. */
export interface ArchiveFrontOptions {
  /** The engine. It stays its owner's to close, after the front. */
  readonly port: ArchivePort;
  /** The memory shared with the engine; the front allocates all of it. */
  readonly pool: BlockPool;
  /** The directory of the journal; nothing else lies in it. */
  readonly disk: Disk;
  /** Id of the state directory, 32 hexadecimal digits. */
  readonly stateId: string;
  /** Limits. */
  readonly budget: FrontBudget;
  /** Told that the pool's bytes up to `end` are written to soon, where somebody wants to know. */
  readonly preparePool?: (end: number) => void;
  /** Takes events. */
  readonly report: EventSink;
  /** Time; the process's own by default. */
  readonly clock?: Clock;
  /** Randomness; the process's own by default. */
  readonly fillRandom?: (bytes: Uint8Array) => void;
}

/** What a front has in use. */
export interface FrontUsage {
  /** Blocks that were written and are not in the archive. */
  readonly overlaySlots: number;
  /** Blocks of the archive at hand. */
  readonly cachedSlots: number;
  /** Bytes of the journal. */
  readonly journalBytes: number;
  /** Bytes of written blocks that are not in the archive. */
  readonly unarchivedBytes: number;
  /** Age in milliseconds of the oldest write that is not in the archive. */
  readonly lagMs: number;
  /** True when that is more than it should be, and was told. */
  readonly behind: boolean;
  /** How full overlay and journal are, 0 to 1: writes wait at 1. */
  readonly fill: number;
  /** Why writes that need room are refused; undefined while none are. */
  readonly refusal: string | undefined;
}
