/**
 * What the commands on volumes say.
 *
 * @module
 */

import type { OperationRequest } from "../../cas/archive_operations.ts";
import type { StateDescription } from "../../cas/volume_states.ts";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import { changeArchive, readArchive } from "../archive/archive_access.ts";
import type { ChangedArchive } from "../archive/archive_here.ts";
import type { ArchiveChoice } from "../command.ts";
import type { Output } from "../output/output.ts";
import { formatSize } from "../output/size.ts";
import { formatTable } from "../output/table.ts";

/** The operations that change one volume and answer with its new state. */
export type VolumeChange =
  | "volume create"
  | "volume grow"
  | "volume rename"
  | "volume retire"
  | "volume unretire"
  | "clone"
  | "restore";

/** Changes a volume; `describe` says what was done. */
export async function changeVolume<Name extends VolumeChange>(
  archive: ChangedArchive,
  change: { readonly name: Name; readonly request: OperationRequest<Name> },
  output: Output,
  describe: (state: StateDescription) => string,
): Promise<void> {
  const { name, request } = change;
  const state: StateDescription = await changeArchive(
    archive,
    name,
    request,
    output,
  );
  output.line(`${describe(state)}, root ${state.rootHash}`);
  output.result(state);
}

/** Lists volumes by name, or the retired ones. */
export async function listVolumes(
  archive: ArchiveChoice,
  retired: boolean,
  output: Output,
): Promise<void> {
  const volumes = await readArchive(
    archive,
    output,
    (it) => it.operate("volume list", { retired }),
  );
  const rows = volumes.map((state) => [
    state.volume,
    sizeOf(state),
    new Date(state.timeMs).toISOString(),
    state.rootHash,
    state.volumeId,
  ]);
  const heads = ["VOLUME", "SIZE", "CHANGED", "ROOT", "ID"];
  for (const line of formatTable([heads, ...rows])) output.line(line);
  for (const volume of volumes) output.result(volume);
}

/** The size of a state, for people. */
export function sizeOf({ blockCount }: StateDescription): string {
  return formatSize(blockCount * BLOCK_SIZE);
}
