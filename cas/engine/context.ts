/**
 * What every part of the engine works with.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import type { EventSink } from "../events.ts";
import type { Hasher } from "../score.ts";
import type { EngineClock } from "./clock.ts";
import type { Retry } from "./retry.ts";

/** The engine's surroundings, and its one way to retry. */
export interface EngineContext {
  /** The archive's blobs. */
  readonly store: BlobStore;
  /** Computes scores and hashes. */
  readonly hasher: Hasher;
  /** Time and turns. */
  readonly clock: EngineClock;
  /** That many random bytes. */
  readonly random: (length: number) => Uint8Array;
  /** Takes events. */
  readonly onEvent: EventSink;
  /** Runs operations of the store. */
  readonly retry: Retry;
}
