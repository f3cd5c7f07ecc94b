/**
 * Where a state is exported to: a sparse file, a block device, a pipe.
 *
 * @module
 */

import type { ImageSink } from "../../cas/transfer/state_export.ts";
import { isZero } from "../../cas/bytes.ts";
import { refuseUsedBlockDevice } from "../../devices/block_device_use.ts";
import {
  DeviceError,
  openingError,
  wordsOf,
} from "../../devices/device_error.ts";
import { Refusal } from "../refusal.ts";
import { UsageError } from "../usage_error.ts";

/** Digits of the root hash in the name of a file that is not complete. */
const NAME_DIGITS = 16;
const ZEROS: Uint8Array = new Uint8Array(1024 * 1024);

/** An open sink. Disposing it leaves what is incomplete for the next time. */
export interface ImageOutput extends ImageSink, Disposable {
  /** True where a part of the image was there already. */
  readonly resumed: boolean;
}

/** What to open. */
export interface ImageOutputOptions {
  /** A path. */
  readonly path: string;
  /** The state, so that no other one's beginning is taken for its. */
  readonly rootHash: string;
  /** Bytes of the image. */
  readonly byteCount: number;
  /** Replace a file, or write over a block device. */
  readonly overwrite: boolean;
}

/** Opens a file or block device. Throws a `UsageError`, a `Refusal` or a `DeviceError`. */
export function openImageOutput(options: ImageOutputOptions): ImageOutput {
  const { path, overwrite } = options;
  const there = statOf(path);
  if (there !== undefined && !there.isFile && !there.isBlockDevice) {
    throw new UsageError(
      `Cannot export to ${path}: it is neither a file nor a block device; for a pipe write "-"`,
    );
  }
  if (there !== undefined && !overwrite) {
    throw new Refusal(
      "Taken",
      `Cannot export to ${path}: it exists; name another file, or add --overwrite to lose what it holds`,
    );
  }
  if (there?.isBlockDevice) return openDevice(options, there.rdev ?? 0);
  return openFile(options);
}

/** This process's stdout, or what a test takes for it. */
export function pipeOutput(
  out: { write(bytes: Uint8Array): Promise<number> },
): ImageSink {
  let position = 0;
  const writeAll = async (bytes: Uint8Array): Promise<void> => {
    let done = 0;
    while (done < bytes.length) {
      const part = bytes.subarray(done);
      done += await told("stdout", position + done, () => out.write(part));
    }
    position += bytes.length;
  };
  const fillTo = async (offset: number): Promise<void> => {
    while (position < offset) {
      await writeAll(ZEROS.subarray(0, offset - position));
    }
  };
  return {
    async write(offset, bytes): Promise<void> {
      await fillTo(offset);
      await writeAll(bytes);
    },
    finish: fillTo,
  };
}

/** Written under another name, which it loses when it is complete. */
function openFile({ path, rootHash }: ImageOutputOptions): ImageOutput {
  const partial = `${path}.${rootHash.slice(0, NAME_DIGITS)}.partial`;
  const resumed = statOf(partial) !== undefined;
  const file = openAlone(partial, true);
  // A file has one position: reads beside writes need one of their own.
  const reader = resumed ? new TurnReader(partial) : undefined;
  return {
    resumed,
    ...(reader === undefined ? {} : {
      readBack: (offset, length) => reader.read(offset, length),
    }),
    write: (offset, bytes) =>
      told(partial, offset, () => writeAt(file, offset, bytes)),
    finish: (byteCount) =>
      told(partial, byteCount, async () => {
        await file.truncate(byteCount);
        await file.sync();
        await Deno.rename(partial, path);
        syncFolderOf(path);
      }),
    [Symbol.dispose](): void {
      reader?.close();
      file.close();
    },
  };
}

/** Written in place; what is there is read first, and left where it is right. */
function openDevice(
  { path, byteCount }: ImageOutputOptions,
  rdev: number,
): ImageOutput {
  refuseUsedBlockDevice(path, rdev, {
    action: "export to",
    otherwise: "or export to a file",
  });
  const file = openAlone(path, false);
  const size = file.seekSync(0, Deno.SeekMode.End);
  if (size < byteCount) {
    file.close();
    throw new UsageError(
      `Cannot export ${byteCount} bytes to ${path}: it has only ${size}`,
    );
  }
  const reader = new TurnReader(path);
  let position = 0;
  const zeroTo = async (end: number): Promise<void> => {
    while (position < end) {
      const length = Math.min(ZEROS.length, end - position);
      const there = await reader.read(position, length);
      if (there.length !== length || !isZero(there)) {
        await writeAt(file, position, ZEROS.subarray(0, length));
      }
      position += length;
    }
  };
  return {
    resumed: true,
    readBack: (offset, length) => reader.read(offset, length),
    async write(offset, bytes): Promise<void> {
      await told(path, offset, async () => {
        await zeroTo(offset);
        await writeAt(file, offset, bytes);
      });
      position = offset + bytes.length;
    },
    async keep(offset, length): Promise<void> {
      await told(path, offset, () => zeroTo(offset));
      position = offset + length;
    },
    finish: (end) =>
      told(path, end, async () => {
        await zeroTo(end);
        await file.sync();
      }),
    [Symbol.dispose](): void {
      reader.close();
      file.close();
    },
  };
}

/** Says of a failure what was written where. */
async function told<Result>(
  path: string,
  offset: number,
  write: () => Promise<Result>,
): Promise<Result> {
  try {
    return await write();
  } catch (error) {
    throw new DeviceError(
      "Failed",
      `Cannot write ${path} at byte ${offset}: ${
        wordsOf(error)
      }; the image is not complete, run the command again to go on`,
      { cause: error },
    );
  }
}

function openAlone(path: string, create: boolean): Deno.FsFile {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { read: true, write: true, create });
  } catch (error) {
    throw openingError(`Cannot write ${path}`, error);
  }
  if (file.tryLockSync(true)) return file;
  file.close();
  throw new Refusal(
    "Busy",
    `Cannot write ${path}: another process has it; wait for that one`,
  );
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Reads of one file, one after the other: it has one position. */
class TurnReader {
  readonly #file: Deno.FsFile;
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#file = Deno.openSync(path);
  }

  /** Bytes at `offset`, fewer at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array> {
    const turn = this.#last.then(() => readSome(this.#file, offset, length));
    this.#last = turn.catch(() => {});
    return turn;
  }

  close(): void {
    this.#file.close();
  }
}

async function readSome(
  file: Deno.FsFile,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await file.seek(offset, Deno.SeekMode.Start);
  let done = 0;
  while (done < length) {
    const count = await file.read(bytes.subarray(done));
    if (count === null) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

async function writeAt(
  file: Deno.FsFile,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  await file.seek(offset, Deno.SeekMode.Start);
  let done = 0;
  while (done < bytes.length) done += await file.write(bytes.subarray(done));
}

function syncFolderOf(path: string): void {
  const at = path.lastIndexOf("/");
  const folder = at < 0 ? "." : path.slice(0, at) || "/";
  using handle = Deno.openSync(folder);
  handle.syncSync();
}
