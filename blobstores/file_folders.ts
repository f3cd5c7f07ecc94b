/**
 * Folders whose names survive a loss of power.
 *
 * @module
 */

import { BlobError } from "./blob_store.ts";
import { folderOf, pathOf } from "./file_layout.ts";
import { type FileSystem, systemErrorCode } from "./file_system.ts";

const FORBIDDEN: ReadonlySet<string> = new Set(["EACCES", "EPERM", "EROFS"]);

/**
 * Makes the folder `path` and those above it that are missing, durably.
 * `path` is absolute and normalized.
 */
export async function makeFolders(
  disk: FileSystem,
  path: string,
): Promise<void> {
  if (path === "/" || (await disk.status(path)) !== null) return;
  const parent = folderOf(path) || "/";
  await makeFolders(disk, parent);
  await makeFolder(disk, path);
  await disk.syncFolder(parent);
}

/** The folders of one store. */
export class StoreFolders {
  readonly #disk: FileSystem;
  readonly #root: string;
  // A folder that was found may be a dead process' that did not come to sync
  // it: so every folder is synced once, and remembered, before it is used. It
  // is not made again if it vanishes: what takes its place when a file system
  // is unmounted must not fill with blobs.
  readonly #ready = new Map<string, Promise<void>>();

  /** Keeps the folders in the store folder `root`, which exists. */
  constructor(disk: FileSystem, root: string) {
    this.#disk = disk;
    this.#root = root;
  }

  /**
   * Resolves when the folder with this key exists durably; "" is the store's
   * own folder. Rejects with `InvalidKey` when a blob is in its place.
   */
  ensure(folder: string): Promise<void> {
    const known = this.#ready.get(folder);
    if (known !== undefined) return known;
    const ready = this.#make(folder).catch((error) => {
      this.#ready.delete(folder);
      throw error;
    });
    this.#ready.set(folder, ready);
    return ready;
  }

  async #make(folder: string): Promise<void> {
    if (folder === "") return await syncAbove(this.#disk, this.#root);
    const parent = folderOf(folder);
    await this.ensure(parent);
    const path = pathOf(this.#root, folder);
    await makeFolder(this.#disk, path);
    if ((await this.#disk.status(path))?.isFile) {
      throw new BlobError(
        `Cannot make the folder "${folder}": a blob has that key`,
        { code: "InvalidKey" },
      );
    }
    await this.#disk.syncFolder(pathOf(this.#root, parent));
  }
}

async function makeFolder(disk: FileSystem, path: string): Promise<void> {
  try {
    await disk.makeFolder(path);
  } catch (error) {
    if (systemErrorCode(error) !== "EEXIST") throw error;
  }
}

/**
 * Makes the name of the store's folder durable, and of those above it: who
 * made them may have died before. Where that is forbidden they are somebody
 * else's, and old.
 */
async function syncAbove(disk: FileSystem, root: string): Promise<void> {
  for (let path = root; path !== "/";) {
    path = folderOf(path) || "/";
    try {
      await disk.syncFolder(path);
    } catch (error) {
      const name = error instanceof Error ? error.name : "";
      const forbidden = name === "NotCapable" ||
        FORBIDDEN.has(systemErrorCode(error));
      if (!forbidden) throw error;
    }
  }
}
