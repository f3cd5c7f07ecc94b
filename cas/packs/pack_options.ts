/**
 * What packs need from outside.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import type { Lz4 } from "../codec/lz4.ts";
import type { StoreRoom } from "../engine/store_room.ts";
import type { EventSink } from "../events.ts";
import type { ScoreIndex } from "../index/score_index.ts";
import type { Hasher } from "../score.ts";

/** What packs need from outside. */
export interface PackOptions {
  /**
   * Where the packs are, with a layer that keeps it within its limits
   * (blobstores/layers/limits.ts); not closed by the packs.
   */
  readonly store: BlobStore;
  /** Where blocks are found by score; closed with the packs. */
  readonly index: ScoreIndex;
  /** Computes scores and pack names. */
  readonly hasher: Hasher;
  /** Compresses and decompresses blocks. */
  readonly lz4: Lz4;
  /** Takes what is worth a log line. */
  readonly onEvent: EventSink;
  /** Waits, before an operation of the store is tried again; resolves early when the signal aborts. */
  readonly sleep: (timeMs: number, signal: AbortSignal) => Promise<void>;
  /** Numbers from 0 up to 1, to spread repeats; without it they are not spread. */
  readonly random?: () => number;
  /** Told when the store has none for a pack, where somebody wants to know. */
  readonly room?: StoreRoom;
  /** Most bytes of a pack file: 20 MiB when absent. */
  readonly packBytesMax?: number;
  /** Most packs held in memory by a writer while they are put: 3 when absent. */
  readonly packsInFlightMax?: number;
  /** Packs that make a copy of their part of the index in the store: 128 when absent, and no more. */
  readonly copyPackCount?: number;
}
