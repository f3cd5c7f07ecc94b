/**
 * What an index on disk is opened with.
 *
 * @module
 */

import type { EventSink } from "../events.ts";
import type { IndexFilesOptions } from "./index_files.ts";

/** Entries in memory that are then written to a run, if nothing else is asked for. */
export const TABLE_ENTRIES_MAX: number = 2 ** 16;

/** So many tables' worth of entries may be in memory while the disk takes none. */
export const UNSAVED_TABLES_MAX = 8;
/** Packs in memory that are then written: a start after a crash reads the directories of so many at most. */
export const UNSAVED_PACKS_MAX = 64;

/** How to open an index on disk. */
export interface DiskIndexOptions extends IndexFilesOptions {
  /** Takes `index-discarded`, `index-not-saved` and `index-memory-full`. */
  readonly onEvent: EventSink;
  /** Entries kept in memory: `TABLE_ENTRIES_MAX` when absent. */
  readonly tableEntriesMax?: number;
  /** Bytes of filters kept in memory; all when absent. Beyond it `getCheaply` passes over the oldest entries. */
  readonly filterBytesMax?: number;
  /** Lets other work go first, between two pieces of the merging; nothing when absent. */
  readonly pause?: () => Promise<void>;
}
