/**
 * Lists the blobs of a folder in the order of their keys, reading only the
 * folders that can have one that is asked for, and one folder at a time.
 *
 * @module
 */

import type { BlobDescription } from "./blob_store.ts";
import { firstPart, folderOf, isReserved, pathOf } from "./file_layout.ts";
import {
  type FileSystem,
  type FolderEntry,
  systemErrorCode,
} from "./file_system.ts";
import { compareKeys, keyFault } from "./operation.ts";

/** Files whose length is asked for at once: a network's round trips overlap. */
const STATUS_COUNT = 32;

/** What to list, where. */
export interface FileListing {
  /** The disk. */
  readonly disk: FileSystem;
  /** The store's folder. */
  readonly root: string;
  /** How the keys begin, checked. */
  readonly prefix: string;
  /** Only keys behind this one; "" for all. */
  readonly startAfter: string;
  /** Called now and then; throws to end the listing. */
  readonly check: () => void;
}

interface Place {
  readonly key: string;
  readonly isFolder: boolean;
}

/** Lists; rejects with the disk's error. */
export async function* listFiles(
  listing: FileListing,
): AsyncGenerator<BlobDescription, void, undefined> {
  const folder = folderOf(listing.prefix);
  const impossible = folder === ""
    ? listing.prefix.startsWith("/")
    : keyFault(folder) !== null || isReserved(firstPart(folder));
  if (!impossible) yield* walk(listing, folder);
}

async function* walk(
  listing: FileListing,
  folder: string,
): AsyncGenerator<BlobDescription, void, undefined> {
  listing.check();
  let keys: string[] = [];
  for (const { key, isFolder } of await places(listing, folder)) {
    if (isFolder || keys.length === STATUS_COUNT) {
      yield* describe(listing, keys);
      keys = [];
    }
    if (isFolder) yield* walk(listing, key);
    else keys.push(key);
  }
  yield* describe(listing, keys);
}

/** The wanted contents of a folder, in the order of the keys below them. */
async function places(
  listing: FileListing,
  folder: string,
): Promise<Place[]> {
  const base = folder === "" ? "" : `${folder}/`;
  const found: Place[] = [];
  for (const entry of await readFolder(listing, folder)) {
    if (folder === "" && isReserved(entry.name)) continue;
    const key = base + entry.name;
    if (entry.kind === "other" || keyFault(key) !== null) continue;
    const isFolder = await leadsOn(listing, key, entry);
    if (isFolder === null) continue;
    if (isWanted(listing, isFolder ? `${key}/` : key, isFolder)) {
      found.push({ key, isFolder });
    }
  }
  // "a-b" sorts before "a/b", so a folder's place is that of its first key.
  return found.sort((left, right) =>
    compareKeys(
      left.isFolder ? `${left.key}/` : left.key,
      right.isFolder ? `${right.key}/` : right.key,
    )
  );
}

/** True for a folder, false for a file, null for a link to nothing. */
async function leadsOn(
  { disk, root }: FileListing,
  key: string,
  { kind }: FolderEntry,
): Promise<boolean | null> {
  if (kind !== "link") return kind === "folder";
  const status = await disk.status(pathOf(root, key));
  return status === null ? null : !status.isFile;
}

/** `key` ends with "/" for a folder, and stands for all keys below it. */
function isWanted(
  { prefix, startAfter }: FileListing,
  key: string,
  isFolder: boolean,
): boolean {
  const inPrefix = key.startsWith(prefix) ||
    (isFolder && prefix.startsWith(key));
  const isAfter = key > startAfter || (isFolder && startAfter.startsWith(key));
  return inPrefix && isAfter;
}

async function readFolder(
  { disk, root }: FileListing,
  folder: string,
): Promise<FolderEntry[]> {
  try {
    return await disk.readFolder(pathOf(root, folder));
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
    // No folder, no blobs: unless the whole store is gone.
    if ((await disk.status(root)) === null) throw error;
    return [];
  }
}

async function* describe(
  { disk, root, check }: FileListing,
  keys: readonly string[],
): AsyncGenerator<BlobDescription, void, undefined> {
  check();
  const statuses = await Promise.all(
    keys.map((key) => disk.status(pathOf(root, key))),
  );
  for (const [index, key] of keys.entries()) {
    const status = statuses[index];
    if (status?.isFile) yield { key, size: status.size };
  }
}
