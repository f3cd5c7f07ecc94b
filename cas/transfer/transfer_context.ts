/**
 * What transfers work with.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import type { ArchiveOperator } from "../archive_operations.ts";
import type { Lz4 } from "../codec/lz4.ts";
import type { EventSink } from "../events.ts";
import type { Hasher } from "../score.ts";

/** An archive, for a program that reads and puts packs itself. */
export interface TransferContext {
  /** Answers for the archive: itself, or the server that holds it. */
  readonly archive: ArchiveOperator;
  /** The archive's blobs. */
  readonly store: BlobStore;
  /** Computes scores and hashes. */
  readonly hasher: Hasher;
  /** Compresses and decompresses. */
  readonly lz4: Lz4;
  /** Takes what is worth a log line. */
  readonly onEvent: EventSink;
  /** Waits, before an operation of the store is tried again; resolves early when the signal aborts. */
  readonly sleep: (timeMs: number, signal: AbortSignal) => Promise<void>;
}

/** Told how far a transfer is. */
export interface TransferProgress {
  /** Bytes of the image, or of the packs to be copied, that are done. */
  readonly bytesDone: number;
  /** Of so many. */
  readonly bytesTotal: number;
}

/** Takes progress, often: it must be quick. */
export type ProgressSink = (progress: TransferProgress) => void;
