/**
 * The file behind a scratch disk: sparse, and without a name from the start,
 * so that it is gone with the process, however that ends.
 *
 * @module
 */

import { closeSync, ftruncateSync, openSync, unlinkSync } from "node:fs";
import { SECTOR_SIZE } from "../aoe/block_device.ts";
import { DeviceError, wordsOf } from "./device_error.ts";
import { FileDevice } from "./file_device.ts";
import type { OpenFileReads } from "./file_reads.ts";

/** Where to put the changes of a scratch disk. */
export interface ScratchFileOptions {
  /** A folder that exists. */
  readonly folder: string;
  /** A name that nothing in the folder has. */
  readonly name: string;
  /** Sectors. */
  readonly sectorCount: number;
  /** Makes reads that leave the thread alone; without, each waits for the disk. */
  readonly openReads?: OpenFileReads;
  /** Told of every failure to read or write, in words for the operator. */
  readonly onFailure: (message: string) => void;
}

/** An open file without a name. */
export interface ScratchFile {
  /** A disk of zeros that does not survive. */
  readonly device: FileDevice;
  /** Waits for what is under way, then gives the space back. */
  close(): Promise<void>;
}

/** Makes the file. Throws a `DeviceError`. */
export function openScratchFile(options: ScratchFileOptions): ScratchFile {
  const path = `${options.folder}/${options.name}`;
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, "wx+", 0o600);
    unlinkSync(path);
    ftruncateSync(descriptor, options.sectorCount * SECTOR_SIZE);
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    throw new DeviceError(
      "Failed",
      `Cannot make the scratch file ${path}: ${wordsOf(error)}`,
      { cause: error },
    );
  }
  const opened = descriptor;
  const reads = options.openReads?.(opened);
  const device = new FileDevice({
    descriptor: opened,
    ...(reads === undefined ? {} : { reads }),
    label: `the scratch file in ${options.folder}`,
    sectorCount: options.sectorCount,
    readOnly: false,
    sync: () => Promise.resolve(),
    identity: { model: "Deepshelf scratch", serial: "0", firmware: "1" },
    onFailure: options.onFailure,
  });
  return {
    device,
    async close(): Promise<void> {
      await device.drain();
      reads?.close();
      closeSync(opened);
    },
  };
}
