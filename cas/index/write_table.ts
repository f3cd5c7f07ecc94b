/**
 * Writes a table of entries to a run, a few milliseconds at a time.
 *
 * @module
 */

import type { PlainHash } from "../score.ts";
import type { EntryTable } from "./entry_table.ts";
import type { IndexFiles } from "./index_files.ts";
import { SMALL_FILTER } from "./key_filter.ts";
import type { Run } from "./run.ts";
import { type FinishedRun, RunWriter } from "./run_writer.ts";
import { sortedEntries } from "./sort_entries.ts";

/** Entries between two pauses: about 2 ms. */
const SLICE_ENTRIES = 16_384;

/** What writing a table needs. */
export interface WriteTableOptions {
  /** Makes the file. */
  readonly files: IndexFiles;
  /** Computes checksums. */
  readonly hash: PlainHash;
  /** Lets other work go first. */
  readonly pause: () => Promise<void>;
}

/** Writes all entries of a table, which must not change meanwhile; the run is durable. */
export async function writeTable(
  table: EntryTable,
  options: WriteTableOptions,
): Promise<Run> {
  const { words, count } = table;
  const { files, hash, pause } = options;
  const { file, run } = files.createRun();
  let finished: FinishedRun;
  try {
    const writer = new RunWriter({
      file,
      run,
      entriesMax: count,
      filter: SMALL_FILTER,
      hash,
      pool: files.pool,
    });
    const sorted = sortedEntries(words, count);
    await pause();
    for (let start = 0; start < count; start += SLICE_ENTRIES) {
      const end = Math.min(count, start + SLICE_ENTRIES);
      for (let i = start; i < end; i++) writer.add(words, sorted[i] as number);
      await pause();
    }
    finished = await writer.finish();
  } catch (error) {
    // What is left of it would fill the disk that it did not fit on.
    files.removeRun(run);
    throw error;
  } finally {
    file.close();
  }
  return files.openFinished(finished);
}
