/**
 * What an error means for the one who called the program: the text, and the
 * exit status that scripts tell apart.
 *
 * @module
 */

import { LinkError } from "../aoe/link/pcap_error.ts";
import { blobErrorCode } from "../blobstores/blob_store.ts";
import { type ArchiveErrorCode, archiveErrorCode } from "../cas/errors.ts";
import { UsageError } from "./usage_error.ts";

/** Exit statuses; any other than 0 is a failure. */
export const ExitStatus = {
  /** All went well. */
  Done: 0,
  /** Something failed. */
  Failed: 1,
  /** The command line or configuration is wrong. */
  Usage: 2,
  /** There is no such archive, volume, snapshot or root. */
  Missing: 10,
  /** Another server holds the archive. */
  Held: 11,
  /** The interface, the library or the permission to use it is missing. */
  Link: 13,
  /** Something stored is damaged. */
  Damaged: 20,
} as const;

const STATUS_OF_ARCHIVE_ERROR: Partial<Record<ArchiveErrorCode, number>> = {
  NoArchive: ExitStatus.Missing,
  NoVolume: ExitStatus.Missing,
  NoSnapshot: ExitStatus.Missing,
  NoRoot: ExitStatus.Missing,
  BadName: ExitStatus.Usage,
  SizeMismatch: ExitStatus.Usage,
  Held: ExitStatus.Held,
  LostClaim: ExitStatus.Held,
  Damaged: ExitStatus.Damaged,
};

/** The exit status for an error. */
export function exitStatusOf(error: unknown): number {
  if (error instanceof UsageError) return ExitStatus.Usage;
  if (error instanceof LinkError) return ExitStatus.Link;
  const code = archiveErrorCode(error);
  if (code !== undefined) {
    return STATUS_OF_ARCHIVE_ERROR[code] ?? ExitStatus.Failed;
  }
  switch (blobErrorCode(error)) {
    case "InvalidConfig":
      return ExitStatus.Usage;
    case "NotFound":
      return ExitStatus.Missing;
    default:
      return ExitStatus.Failed;
  }
}

/** True for errors whose message is made for the operator, so that a stack trace adds nothing. */
export function isOperatorError(error: unknown): boolean {
  return error instanceof UsageError || error instanceof LinkError ||
    archiveErrorCode(error) !== undefined || blobErrorCode(error) !== "Unknown";
}
