/**
 * A raw image on this machine: a file or a block device.
 *
 * @module
 */

import type { ImageSource } from "../../cas/transfer/image_source.ts";
import { openFileHoles } from "./file_holes.ts";
import { refuseUsedBlockDevice } from "../../devices/block_device_use.ts";
import {
  DeviceError,
  openingError,
  wordsOf,
} from "../../devices/device_error.ts";
import { UsageError } from "../usage_error.ts";

/** An image that is open to be read. */
export interface ImageFile extends ImageSource, Disposable {}

/** Opens an image. Throws a `UsageError` where that is not possible. */
export function openImageFile(path: string): ImageFile {
  const idle = [openOne(path)];
  const byteCount = sizeOf(path, idle[0]!);
  const holes = openFileHoles(path);
  const all = new Set(idle);
  return {
    display: path,
    byteCount,
    holeLength: (offset) => holes?.holeLength(offset) ?? 0,
    async read(offset, into): Promise<void> {
      // A file has one position, so everyone who reads at once has one of their own.
      const file = idle.pop() ?? openOne(path);
      all.add(file);
      try {
        await readFully(file, offset, into, path);
      } catch (error) {
        if (error instanceof UsageError) throw error;
        throw new DeviceError(
          "Failed",
          `Cannot read ${path} from byte ${offset} on: ${wordsOf(error)}`,
          { cause: error },
        );
      } finally {
        idle.push(file);
      }
    },
    [Symbol.dispose](): void {
      holes?.close();
      for (const file of all) file.close();
    },
  };
}

/** Why a block device may change while it is read, as a sentence; undefined where nothing speaks for it. */
export function useOfImage(path: string): string | undefined {
  const { isBlockDevice, rdev } = Deno.statSync(path);
  if (!isBlockDevice) return undefined;
  try {
    refuseUsedBlockDevice(path, rdev ?? 0, {
      action: "rely on",
      otherwise: "or make sure that nobody writes it meanwhile",
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return error.message;
  }
}

function openOne(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path);
  } catch (error) {
    throw openingError(`Cannot read the image ${path}`, error);
  }
}

/** Of a block device the end is the size, which stat does not tell. */
function sizeOf(path: string, file: Deno.FsFile): number {
  const { isFile, isBlockDevice } = file.statSync();
  const byteCount = isFile || isBlockDevice
    ? file.seekSync(0, Deno.SeekMode.End)
    : 0;
  if (byteCount > 0) return byteCount;
  file.close();
  throw new UsageError(
    isFile
      ? `The image ${path} is empty: a volume has at least 4096 bytes`
      : `${path} is no image: name a file or a block device`,
  );
}

async function readFully(
  file: Deno.FsFile,
  offset: number,
  into: Uint8Array,
  path: string,
): Promise<void> {
  await file.seek(offset, Deno.SeekMode.Start);
  let done = 0;
  while (done < into.length) {
    const count = await file.read(into.subarray(done));
    if (count === null) {
      throw new DeviceError(
        "Failed",
        `The image ${path} ends at byte ${
          offset + done
        }, before its size of when it was opened: leave it alone while it is read`,
      );
    }
    done += count;
  }
}
