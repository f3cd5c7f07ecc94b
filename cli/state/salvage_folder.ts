/**
 * Putting a salvaged journal in the place of a damaged one. Invariant: whenever
 * the power fails, the next opening of the state folder finds the damaged
 * journal or the salvaged one, never none.
 *
 * ```
 * journal.salvaging   is being written: counts for nothing
 * journal.salvaged    complete: takes the place of journal/ at once or at the next opening
 * journal.damaged-*   what was there before, kept
 * ```
 *
 * @module
 */

import { UsageError } from "../usage_error.ts";

/** Where a salvaged journal is written. */
export function salvagingPath(stateFolder: string): string {
  return `${stateFolder}/journal.salvaging`;
}

/** Makes the complete journal in `salvagingPath` the one that counts; where the old one is now. */
export function commitSalvage(stateFolder: string): string | undefined {
  Deno.renameSync(
    salvagingPath(stateFolder),
    `${stateFolder}/journal.salvaged`,
  );
  // From here on the salvage counts.
  syncFolder(stateFolder);
  return finishSalvage(stateFolder);
}

/** Goes on with a salvage that was committed, if there is one; where the old journal is now. */
export function finishSalvage(stateFolder: string): string | undefined {
  const salvaged = `${stateFolder}/journal.salvaged`;
  const journal = `${stateFolder}/journal`;
  if (!exists(salvaged)) return undefined;
  let kept: string | undefined;
  if (exists(journal)) {
    const stamp = new Date().toISOString().replace(/[:.]/g, "");
    kept = `${stateFolder}/journal.damaged-${stamp}`;
    moveAway(journal, kept);
  }
  Deno.renameSync(salvaged, journal);
  syncFolder(stateFolder);
  return kept;
}

function moveAway(journal: string, kept: string): void {
  try {
    Deno.renameSync(journal, kept);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EBUSY") throw error;
    throw new UsageError(
      `Cannot move the damaged journal in ${journal} away, for a file system is mounted there: umount ${journal}, which keeps it, and run the same again; the salvaged journal then lies in the state folder`,
    );
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function syncFolder(path: string): void {
  using folder = Deno.openSync(path);
  folder.syncSync();
}
