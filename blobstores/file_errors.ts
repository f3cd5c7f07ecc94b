/**
 * From what an operating system reports to what a caller of a blob store can
 * do about it.
 *
 * @module
 */

import { BlobError, type BlobErrorCode } from "./blob_store.ts";
import { systemErrorCode } from "./file_system.ts";

interface Meaning {
  readonly code: BlobErrorCode;
  readonly retryable: boolean;
  readonly advice: string;
}

const NO_SPACE: Meaning = {
  code: "NoSpace",
  retryable: true,
  advice: "Free space, or raise the quota: `df -h`, `df -i` and `quota` tell",
};
const DENIED: Meaning = {
  code: "PermissionDenied",
  retryable: false,
  advice: "`ls -ld` of the path and of its folders shows who may use it",
};
const READ_ONLY: Meaning = {
  code: "PermissionDenied",
  retryable: false,
  advice: "The file system is mounted read-only: `findmnt -T` of the path " +
    "and `dmesg` tell why",
};
const NOT_GRANTED: Meaning = {
  code: "PermissionDenied",
  retryable: false,
  advice: "Run with --allow-read and --allow-write for the store's folder",
};
const FEW_HANDLES: Meaning = {
  code: "Unavailable",
  retryable: true,
  advice: "Raise the limit of open files: `ulimit -n 65536`",
};
const AWAY: Meaning = {
  code: "Unavailable",
  retryable: true,
  advice: "Is the file system mounted? `findmnt -T` of the path tells",
};
const BROKEN: Meaning = {
  code: "Corrupt",
  retryable: false,
  advice: "The disk cannot read what it stored: see `dmesg` and `smartctl -a`",
};
const FAILING: Meaning = {
  code: "Unavailable",
  retryable: true,
  advice: "The disk cannot store: see `dmesg` and `smartctl -a`",
};
const NOT_ABLE: Meaning = {
  code: "Unsupported",
  retryable: false,
  advice: "Use a local file system for this store, or NFS version 4",
};
const TOO_LONG: Meaning = {
  code: "InvalidConfig",
  retryable: false,
  advice: "Choose a store folder with a shorter path",
};
const UNKNOWN: Meaning = {
  code: "Unknown",
  retryable: false,
  advice: "",
};

const MEANINGS: ReadonlyMap<string, Meaning> = new Map([
  ["ENOSPC", NO_SPACE],
  ["EDQUOT", NO_SPACE],
  ["EFBIG", NO_SPACE],
  ["EACCES", DENIED],
  ["EPERM", DENIED],
  ["EROFS", READ_ONLY],
  ["EMFILE", FEW_HANDLES],
  ["ENFILE", FEW_HANDLES],
  ["ENOENT", AWAY],
  ["ENOTDIR", AWAY],
  ["ESTALE", AWAY],
  ["ENODEV", AWAY],
  ["ENXIO", AWAY],
  ["ENOTCONN", AWAY],
  ["ETIMEDOUT", AWAY],
  ["EHOSTDOWN", AWAY],
  ["ENOTSUP", NOT_ABLE],
  ["EOPNOTSUPP", NOT_ABLE],
  ["ENOSYS", NOT_ABLE],
  ["ENOLCK", NOT_ABLE],
  ["EXDEV", NOT_ABLE],
  ["ENAMETOOLONG", TOO_LONG],
]);

/** What failed, for the message. */
export interface FailedAction {
  /** What was tried, as in `put "packs/00/…"`. */
  readonly action: string;
  /** The store's URL without secrets. */
  readonly display: string;
  /** True if the disk was asked to give back, not to keep. */
  readonly reading: boolean;
}

/** The blob store error for a disk's error; a `BlobError` stays as it is. */
export function fileError(cause: unknown, failed: FailedAction): BlobError {
  if (cause instanceof BlobError) return cause;
  const { code, retryable, advice } = meaningOf(cause, failed.reading);
  const found = cause instanceof Error ? cause.message : String(cause);
  const message = `Cannot ${failed.action} in ${failed.display}: ${found}` +
    (advice === "" ? "" : `. ${advice}`);
  return new BlobError(message, { code, retryable, cause });
}

function meaningOf(cause: unknown, reading: boolean): Meaning {
  if (cause instanceof Error && cause.name === "NotCapable") return NOT_GRANTED;
  const system = systemErrorCode(cause);
  if (system === "EIO") return reading ? BROKEN : FAILING;
  return MEANINGS.get(system) ?? UNKNOWN;
}
