/**
 * Reads blobs that are files.
 *
 * @module
 */

import { BlobError, type GetOptions } from "./blob_store.ts";
import {
  type FileReader,
  type FileSystem,
  systemErrorCode,
} from "./file_system.ts";
import { resolveRange } from "./operation.ts";

type Range = NonNullable<GetOptions["range"]>;

/** What to read. */
export interface BlobRead {
  /** The blob's key, for messages. */
  readonly key: string;
  /** Where its file is. */
  readonly path: string;
  /** Which bytes; all when undefined. */
  readonly range: Range | undefined;
  /** As that of `GetOptions`. */
  readonly accept: GetOptions["accept"] | undefined;
  /** As that of `GetOptions`. */
  readonly allocate: GetOptions["allocate"] | undefined;
}

/**
 * Reads a blob or a range of it. Rejects with the disk's error, or with what is
 * wrong with the range.
 *
 * A file that is kept open may have been replaced since: what comes from it is
 * for a caller that can tell, and that is shown what stands there now otherwise.
 */
export async function readBlob(
  disk: FileSystem,
  read: BlobRead,
): Promise<Uint8Array<ArrayBuffer>> {
  const { path, range, accept } = read;
  if (range === undefined || accept === undefined) {
    return await readFile(disk, read);
  }
  const kept = await readKept(disk, path, range);
  if (kept !== undefined && accept(kept)) return kept;
  const bytes = await readFile(disk, read);
  if (kept !== undefined) accept(bytes);
  return bytes;
}

/** All of the range, or undefined: a read that fails is made again, and reported then. */
async function readKept(
  disk: FileSystem,
  path: string,
  { offset, length }: Range,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    const bytes = await disk.readKept?.(path, offset, length);
    return bytes?.length === length ? bytes : undefined;
  } catch (error) {
    if (systemErrorCode(error) === "") throw error;
    return undefined;
  }
}

async function readFile(
  disk: FileSystem,
  read: BlobRead,
): Promise<Uint8Array<ArrayBuffer>> {
  const file = await disk.open(read.path);
  try {
    return await readBytes(file, read);
  } finally {
    file.close();
  }
}

/** Asks for the length only if it must: a range mostly is where it should be. */
async function readBytes(
  file: FileReader,
  { key, range, allocate }: BlobRead,
): Promise<Uint8Array<ArrayBuffer>> {
  const { offset, length } = range ??
    { offset: 0, length: await file.size() };
  const bytes = range === undefined || allocate === undefined
    ? new Uint8Array(length)
    : allocate(length);
  const count = await file.read(bytes, offset);
  if (count === length) return bytes;
  const size = await file.size();
  resolveRange(range, { key, size });
  throw new BlobError(
    `Cannot get "${key}": of ${length} bytes at ${offset} the disk gave ` +
      `${count}, though the file has ${size}. Something else changes files ` +
      `in the store's folder`,
    { code: "Corrupt" },
  );
}
