/**
 * What `snapshot create` and `snapshot list` say.
 *
 * @module
 */

import type { StateReference } from "../../cas/volume_states.ts";
import type { SnapshotDescription } from "../../cas/archive_port.ts";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import { changeArchive, readArchive } from "../archive/archive_access.ts";
import type { ArchiveChoice } from "../command.ts";
import type { Output } from "../output/output.ts";
import { formatSize } from "../output/size.ts";
import { formatTable } from "../output/table.ts";

/** Names a state of a volume. */
export async function createSnapshot(
  archive: ArchiveChoice,
  snapshot: { readonly state: StateReference; readonly name: string },
  output: Output,
): Promise<void> {
  const made = await changeArchive(
    archive,
    "snapshot create",
    snapshot,
    output,
  );
  output.line(
    `Snapshot ${made.volume}@${made.name}, root ${made.rootHash}`,
  );
  output.result(made);
}

/** Takes a snapshot off the list. */
export async function retireSnapshot(
  archive: ArchiveChoice,
  snapshot: { readonly volume: string; readonly name: string },
  output: Output,
): Promise<void> {
  const retired = await changeArchive(
    archive,
    "snapshot retire",
    snapshot,
    output,
  );
  output.line(
    `Snapshot ${retired.volume}@${retired.name} is off the list, root ${retired.rootHash}`,
  );
  output.result(retired);
}

/** Lists snapshots, oldest first: those in use, or those taken off the list. */
export async function listSnapshots(
  archive: ArchiveChoice,
  { volume, retired }: { readonly volume?: string; readonly retired: boolean },
  output: Output,
): Promise<void> {
  const request = volume === undefined ? { retired } : { volume, retired };
  const snapshots = await readArchive(
    archive,
    output,
    (it) => it.operate("snapshot list", request),
  );
  for (const line of table(snapshots)) output.line(line);
  for (const snapshot of snapshots) output.result(snapshot);
}

function table(snapshots: readonly SnapshotDescription[]): string[] {
  const rows = snapshots.map((snapshot) => [
    snapshot.volume,
    snapshot.name,
    new Date(snapshot.timeMs).toISOString(),
    formatSize(snapshot.blockCount * BLOCK_SIZE),
    snapshot.rootHash,
  ]);
  return formatTable([["VOLUME", "SNAPSHOT", "TIME", "SIZE", "ROOT"], ...rows]);
}
