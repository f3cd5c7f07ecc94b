/**
 * What checkpoints have to tell.
 *
 * @module
 */

import { counted } from "../../blobstores/counted.ts";
import type { CheckpointResult } from "../archive_port.ts";
import type { ArchiveEvent } from "../events.ts";

/** Block numbers named in one event. */
const REPORTED_BLOCKS_MAX = 100;

/** A generation is in the archive. */
export function checkpointDone(
  result: CheckpointResult,
  durationMs: number,
): ArchiveEvent {
  const { blocksNew, blocksDuplicate, blocksZero, packBytes } = result;
  return {
    event: "checkpoint",
    severity: "info",
    message:
      `Checkpoint: ${counted(blocksNew, "new block")}, ${blocksDuplicate} ` +
      `known, ${blocksZero} zero; ${packBytes} bytes of packs`,
    blocksNew,
    blocksDuplicate,
    blocksZero,
    packBytes,
    durationMs,
  };
}

/** A checkpoint did not go as it should; `what` completes "A checkpoint …". */
export function checkpointFailed(what: string, error: unknown): ArchiveEvent {
  const cause = error instanceof Error ? error.message : String(error);
  return {
    event: "checkpoint-failed",
    severity: "admin",
    message: `A checkpoint ${what}: ${cause}`,
  };
}

/** The archive cannot take these blocks of a volume, for what they change is damaged, or not found yet. */
export function writesDeferred(
  volume: string,
  blocks: ReadonlySet<number>,
  unsettled: boolean,
): ArchiveEvent {
  const what = `${
    counted(blocks.size, "written block")
  } of volume ${volume} cannot be archived`;
  return {
    event: "writes-deferred",
    severity: unsettled ? "strange" : "corrupt",
    message: unsettled
      ? `${what} yet, because what lies beneath has not been found; this stays in the journal until it is`
      : `${what}, because what lies beneath is damaged; this stays in the journal until all sectors of the blocks are written, or the damaged packs are restored ("repair --from URL")`,
    volume,
    blocks: [...blocks].slice(0, REPORTED_BLOCKS_MAX),
  };
}

/** A FLUSH waits for such blocks. */
export function flushWaits(volume: string): ArchiveEvent {
  return {
    event: "flush-waits",
    severity: "corrupt",
    message:
      `A FLUSH of volume ${volume} is not answered: the archive cannot take some of the writes before it, because what lies under them is damaged, so they are in the journal alone; mend the archive with "repair --from URL", or overwrite the damaged sectors as a whole`,
    volume,
  };
}
