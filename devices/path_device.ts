/**
 * `path:`: a file, or a block device of this machine, served as it is.
 *
 * @module
 */

import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { type DeviceIdentity, SECTOR_SIZE } from "../aoe/block_device.ts";
import { refuseUsedBlockDevice } from "./block_device_use.ts";
import { DeviceError, wordsOf } from "./device_error.ts";
import { FileDevice, syncData } from "./file_device.ts";
import type { OpenFileReads } from "./file_reads.ts";

/** Sizes are rounded down to this, so that every sector lies in a whole block. */
const BLOCK_BYTES = 4096;

const FIRMWARE = "1";
const SERIAL_LENGTH = 20;

/** What to open. */
export interface PathDeviceOptions {
  /** The file or block device. */
  readonly path: string;
  /** Open it for reading only. Several may do so at once. */
  readonly readOnly: boolean;
  /** Make a sparse file of this size if there is none, a multiple of 4096. */
  readonly createBytes?: number;
  /** Name of this machine, so that two with the same path have two serials. */
  readonly host: string;
  /** Makes reads that leave the thread alone; without, each waits for the disk. */
  readonly openReads?: OpenFileReads;
  /** Told of every failure to read or write, in words for the operator. */
  readonly onFailure: (message: string) => void;
}

/** An open file or block device. */
export interface PathDevice {
  /** The disk. */
  readonly device: FileDevice;
  /** Looks whether the file or device has grown. Throws a `DeviceError`. */
  refresh(): void;
  /**
   * Makes a file larger, to a multiple of 4096 bytes. Throws a `DeviceError`,
   * for a block device and for a size below the present one.
   */
  resize(byteCount: number): void;
  /** Waits for what is under way, then lets go of it. */
  close(): Promise<void>;
}

/**
 * Opens a file or block device, alone: with a lock that others who ask for one
 * will find, and only if it is not mounted. Throws a `DeviceError`.
 */
export function openPathDevice(options: PathDeviceOptions): PathDevice {
  const path = resolve(options.path);
  const lock = openLocked({ ...options, path });
  try {
    const { isFile, isBlockDevice, rdev } = Deno.statSync(path);
    if (!isFile && !isBlockDevice) {
      throw new DeviceError(
        "Failed",
        `Cannot serve ${path}: it is neither a file nor a block device`,
      );
    }
    if (!isFile && !options.readOnly && rdev !== null) {
      refuseUsedBlockDevice(path, rdev);
    }
    const mode = options.readOnly ? constants.O_RDONLY : constants.O_RDWR;
    const descriptor = openSync(path, mode);
    try {
      return pathDevice({ ...options, path, lock, descriptor, isFile });
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  } catch (error) {
    lock.close();
    throw error instanceof DeviceError ? error : cannotOpen(path, error);
  }
}

interface Opened extends PathDeviceOptions {
  readonly lock: Deno.FsFile;
  readonly descriptor: number;
  readonly isFile: boolean;
}

function pathDevice(opened: Opened): PathDevice {
  const { path, lock, descriptor, isFile, readOnly, onFailure } = opened;
  const sectorCount = sectorCountOf(path, lock);
  if (sectorCount === 0) {
    throw new DeviceError(
      "Failed",
      `Cannot serve ${path}: it has less than ${BLOCK_BYTES} bytes; give it a size with truncate -s`,
    );
  }
  const reads = opened.openReads?.(descriptor);
  const device = new FileDevice({
    descriptor,
    ...(reads === undefined ? {} : { reads }),
    label: path,
    sectorCount,
    readOnly,
    sync: syncData,
    identity: identityOf(opened.host, path),
    onFailure,
  });
  return {
    device,
    refresh: () => device.grow(sectorCountOf(path, lock)),
    resize(byteCount): void {
      if (!isFile || readOnly) {
        throw new DeviceError(
          "Failed",
          `Cannot make ${path} larger: it is ${
            isFile ? "served read-only" : "a block device, enlarge it first"
          }`,
        );
      }
      if (byteCount < device.sectorCount * SECTOR_SIZE) {
        throw new DeviceError(
          "SizeMismatch",
          `Cannot make ${path} smaller than its ${
            device.sectorCount * SECTOR_SIZE
          } bytes: a disk in use only grows`,
        );
      }
      if (byteCount > fstatSync(descriptor).size) {
        ftruncateSync(descriptor, byteCount);
        // Clients are told next: a power cut must not take it back.
        fsyncSync(descriptor);
      }
      device.grow(byteCount / SECTOR_SIZE);
    },
    async close(): Promise<void> {
      await device.drain();
      reads?.close();
      closeSync(descriptor);
      lock.close();
    },
  };
}

/** Opens the file, or makes it, and locks it. */
function openLocked(options: PathDeviceOptions): Deno.FsFile {
  const { path, readOnly, createBytes } = options;
  const file = openOrCreate(path, readOnly, createBytes);
  if (file.tryLockSync(!readOnly)) return file;
  file.close();
  throw new DeviceError(
    "Busy",
    `Cannot serve ${path}: another process has locked it; stop that one (fuser ${path} names it)`,
  );
}

function openOrCreate(
  path: string,
  readOnly: boolean,
  createBytes: number | undefined,
): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true, write: !readOnly });
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound;
    if (!isMissing || createBytes === undefined || readOnly) {
      throw cannotOpen(path, error);
    }
  }
  try {
    const file = Deno.openSync(path, {
      read: true,
      write: true,
      createNew: true,
      mode: 0o600,
    });
    file.truncateSync(createBytes);
    file.syncSync();
    syncFolderOf(path);
    return file;
  } catch (error) {
    throw cannotOpen(path, error);
  }
}

/** Makes the name of a new file durable, if its folder may be read: nobody is asked. */
function syncFolderOf(path: string): void {
  const folder = dirname(path);
  const { state } = Deno.permissions.querySync({ name: "read", path: folder });
  if (state !== "granted") return;
  const opened = Deno.openSync(folder);
  try {
    opened.syncSync();
  } finally {
    opened.close();
  }
}

function cannotOpen(path: string, error: unknown): DeviceError {
  if (error instanceof Deno.errors.NotFound) {
    return new DeviceError(
      "Missing",
      `Cannot serve ${path}: there is no such file; give its size and --create to make one`,
      { cause: error },
    );
  }
  return new DeviceError(
    "Failed",
    `Cannot serve ${path}: ${wordsOf(error)}`,
    { cause: error },
  );
}

/** Whole blocks: of a block device the end is the size, which stat does not tell. */
function sectorCountOf(path: string, file: Deno.FsFile): number {
  let byteCount: number;
  try {
    byteCount = file.seekSync(0, Deno.SeekMode.End);
  } catch (error) {
    throw cannotOpen(path, error);
  }
  return Math.floor(byteCount / BLOCK_BYTES) * (BLOCK_BYTES / SECTOR_SIZE);
}

/** Of the place, not of the file there: device and inode numbers change when a machine restarts. */
function identityOf(host: string, path: string): DeviceIdentity {
  const serial = createHash("sha256").update(`${host}:${path}`)
    .digest("hex").slice(0, SERIAL_LENGTH).toUpperCase();
  return { model: "Deepshelf file", serial, firmware: FIRMWARE };
}
