/**
 * What `check` says.
 *
 * @module
 */

import { readArchive } from "../archive/archive_access.ts";
import type { ArchiveChoice } from "../command.ts";
import { ExitStatus } from "../exit_status.ts";
import { counted } from "../../blobstores/counted.ts";
import type { Output } from "../output/output.ts";

/** Checks the structure of an archive; the exit status. */
export async function checkStructure(
  archive: ArchiveChoice,
  output: Output,
): Promise<number> {
  const result = await readArchive(
    archive,
    output,
    (it) => it.operate("check", {}),
  );
  const { rootCount, snapshotCount, packCount, pointerCount, blockCount } =
    result;
  for (const fault of result.faults) output.line(`DAMAGED: ${fault}`);
  const untold = result.faultCount - result.faults.length;
  if (untold > 0) output.line(`DAMAGED: and ${untold} more`);
  output.line(
    `${
      [
        counted(rootCount, "root"),
        counted(snapshotCount, "snapshot"),
        counted(packCount, "pack"),
        counted(pointerCount, "pointer block"),
      ].join(", ")
    } and ${counted(blockCount, "data block")}: ${
      result.faultCount === 0 ? "complete" : counted(result.faultCount, "fault")
    }`,
  );
  output.result(result);
  return result.faultCount === 0 ? ExitStatus.Done : ExitStatus.Damaged;
}
