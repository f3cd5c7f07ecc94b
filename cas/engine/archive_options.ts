/**
 * What an archive is opened with.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import type { BlockPool } from "../block_pool.ts";
import type { BlockStore } from "../block_store.ts";
import type { EventSink } from "../events.ts";
import type { Hasher } from "../score.ts";
import type { ClaimHolder } from "./claim_record.ts";
import type { EngineClock } from "./clock.ts";
import type { HintsCache } from "./hints.ts";
import type { ScrubMemory } from "./scrub_memory.ts";
import type { StoreRoom } from "./store_room.ts";

/**
 * What an archive is opened for:
 * - `serve`: with the writer's claim, and with all blocks findable before
 *   `openArchive` resolves;
 * - `write`: with the claim; blocks are made findable when first needed (to make
 *   a snapshot none are);
 * - `read`: without the claim, beside a server that may be writing.
 */
export type ArchiveAccess = "serve" | "write" | "read";

/** Options of `openArchive`. */
export interface ArchiveOptions {
  /** The archive's blobs; closed with the archive. */
  readonly store: BlobStore;
  /**
   * Opens the blocks of the archive with this id; called at most once, closed
   * with the archive. They tell `room` when the store has none for them.
   */
  readonly openBlocks: (
    archiveId: string,
    room: StoreRoom,
  ) => Promise<BlockStore>;
  /** Computes scores and hashes. */
  readonly hasher: Hasher;
  /** Where blocks pass between the threads. */
  readonly pool: BlockPool;
  /** What for. */
  readonly access: ArchiveAccess;
  /** Make the archive if the store holds none. */
  readonly create?: boolean;
  /** Id of the local state directory, 32 hexadecimal digits. */
  readonly stateId: string;
  /** Who opens it: host, pid, control socket; told to those who are refused. */
  readonly holder: ClaimHolder;
  /** Remembers heads; without it every opening lists the whole history. */
  readonly hints?: HintsCache;
  /** Remembers scrubs; without it one that is interrupted begins anew. */
  readonly scrubs?: ScrubMemory;
  /** Bytes of pointer blocks kept in memory: 32 MiB when absent. */
  readonly pointerCacheBytesMax?: number;
  /** How often a server looks whether it was superseded: every 5 s when absent. */
  readonly claimCheckMs?: number;
  /** Time and turns. */
  readonly clock: EngineClock;
  /** That many random bytes. */
  readonly random: (length: number) => Uint8Array;
  /** Takes events. */
  readonly onEvent: EventSink;
}
