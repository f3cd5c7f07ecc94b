/**
 * The archive's refusals: conditions a caller tells apart by `code`. The code,
 * not the class, crosses threads.
 *
 * @module
 */

/** Why the archive refused. */
export type ArchiveErrorCode =
  /** The store holds no archive, and none was to be made. */
  | "NoArchive"
  /** The archive has no volume of that name, and none was to be made. */
  | "NoVolume"
  /** The volume has no snapshot of that name. */
  | "NoSnapshot"
  /** The archive has no root of that hash. */
  | "NoRoot"
  /** A snapshot or volume of that name exists. */
  | "NameTaken"
  /** The volume is open, and so must not be changed under its disks. */
  | "InUse"
  /** The state belongs to another volume. */
  | "OtherVolume"
  /** The name has characters or a length that are not allowed. */
  | "BadName"
  /** The volume exists with another size than asked. */
  | "SizeMismatch"
  /** Another live server holds the archive. */
  | "Held"
  /** Another server has taken the archive over from this one. */
  | "LostClaim"
  /** The archive or the view was opened for reading only. */
  | "ReadOnly"
  /** Something stored is missing or does not verify. */
  | "Damaged"
  /** Written by a newer version of the program. */
  | "Unsupported"
  /** The archive was closed. */
  | "Closed"
  /** The other thread ended. */
  | "ThreadEnded";

/** Details of an `ArchiveError`. */
export interface ArchiveErrorOptions {
  /** What lies underneath. */
  readonly cause?: unknown;
}

/** A refusal of the archive. */
export class ArchiveError extends Error {
  /** Why. */
  readonly code: ArchiveErrorCode;

  /** Makes an error; `message` says what was tried, on what, and what to do next. */
  constructor(
    code: ArchiveErrorCode,
    message: string,
    options: ArchiveErrorOptions = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "ArchiveError";
    this.code = code;
  }
}

/** The code of an `ArchiveError`, by duck typing; undefined for any other value. */
export function archiveErrorCode(error: unknown): ArchiveErrorCode | undefined {
  if (error instanceof Error && error.name === "ArchiveError") {
    return (error as ArchiveError).code;
  }
  return undefined;
}
