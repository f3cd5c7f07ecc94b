/**
 * What an error means for the one who called the program: the text, and the
 * exit status that scripts tell apart.
 *
 * @module
 */

import {
  AoeError,
  AtaError,
  LinkClosedError,
  TimeoutError,
} from "../aoe/initiator/errors.ts";
import { LinkError } from "../aoe/link/pcap_error.ts";
import { blobErrorCode } from "../blobstores/blob_store.ts";
import { type ArchiveErrorCode, archiveErrorCode } from "../cas/errors.ts";
import { DeviceError, type DeviceErrorCode } from "../devices/device_error.ts";
import { ControlError } from "./serving/control.ts";
import { Refusal, type RefusalCode } from "./refusal.ts";
import { UsageError } from "./usage_error.ts";

/** Exit statuses; any other than 0 is a failure. */
export const ExitStatus = {
  /** All went well. */
  Done: 0,
  /** Something failed. */
  Failed: 1,
  /** The command line or configuration is wrong. */
  Usage: 2,
  /** There is no such archive, volume, snapshot, root, target or file, or no server of it runs. */
  Missing: 10,
  /** Another process holds the archive, or the volume or disk is in use. */
  Held: 11,
  /** The name of a volume or snapshot, the address of a target or the file is taken. */
  Taken: 12,
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
  OtherVolume: ExitStatus.Usage,
  NameTaken: ExitStatus.Taken,
  InUse: ExitStatus.Held,
  Held: ExitStatus.Held,
  LostClaim: ExitStatus.Held,
  Damaged: ExitStatus.Damaged,
};

/** The same for people; `main.ts help` shows it. */
export const EXIT_STATUS_HELP: string =
  `Exit status: 0 done, 1 failed, 2 wrong usage, 10 no such archive, volume,
snapshot, target, file or server, 11 the archive is held by another server or
what is to be changed is in use, 12 the name, address or file is taken already,
13 the interface, the library or the permission to use it is missing, 20 damage
found.`;

const STATUS_OF_DEVICE_ERROR: Record<DeviceErrorCode, number> = {
  Missing: ExitStatus.Missing,
  Busy: ExitStatus.Held,
  SizeMismatch: ExitStatus.Usage,
  Failed: ExitStatus.Failed,
};

const STATUS_OF_REFUSAL: Record<RefusalCode, number> = {
  Missing: ExitStatus.Missing,
  Busy: ExitStatus.Held,
  Taken: ExitStatus.Taken,
};

/** For what a server refused, or that none runs: only the code tells. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  ...STATUS_OF_ARCHIVE_ERROR,
  ...STATUS_OF_DEVICE_ERROR,
  ...STATUS_OF_REFUSAL,
  NoServer: ExitStatus.Missing,
  Usage: ExitStatus.Usage,
};

/** The exit status for an error. */
export function exitStatusOf(error: unknown): number {
  if (error instanceof UsageError) return ExitStatus.Usage;
  if (error instanceof Refusal) return STATUS_OF_REFUSAL[error.code];
  if (error instanceof LinkError) return ExitStatus.Link;
  if (error instanceof DeviceError) return STATUS_OF_DEVICE_ERROR[error.code];
  if (error instanceof ControlError) {
    return STATUS_OF_CODE[error.code ?? ""] ?? ExitStatus.Failed;
  }
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
  return error instanceof UsageError || error instanceof Refusal ||
    error instanceof LinkError ||
    error instanceof DeviceError || error instanceof ControlError ||
    error instanceof AtaError || error instanceof AoeError ||
    error instanceof TimeoutError || error instanceof LinkClosedError ||
    // Deno names the path and the flag that allows it, the system the path.
    error instanceof Deno.errors.NotCapable ||
    error instanceof Deno.errors.PermissionDenied ||
    archiveErrorCode(error) !== undefined || blobErrorCode(error) !== "Unknown";
}
