/**
 * Blobs as files in a folder: what `b3sum` and `cp -r` can work with. See
 * file_layout.ts for where everything lies and file_publisher.ts for how a
 * blob becomes durable.
 *
 * Any local file system will do. NFS does from version 4 on, if the server
 * exports with `sync` (the default) and the clients mount `hard`: locks then
 * end with their holder's lease. One that has no links (FAT, some FUSE and SMB
 * mounts) is served by renaming; one that has no locks cannot be held, and
 * says so.
 *
 * @module
 */

import {
  type BlobDescription,
  BlobError,
  type BlobStore,
  type Capabilities,
  type FoundRanges,
  type GetOptions,
  type KeyedRange,
  type ListOptions,
  type OperationOptions,
  type PutOptions,
  type StoreHold,
} from "./blob_store.ts";
import { fileError } from "./file_errors.ts";
import { makeFolders } from "./file_folders.ts";
import { checkFileKey, LOCK_FILE, pathOf } from "./file_layout.ts";
import { listFiles } from "./file_listing.ts";
import { FilePublisher } from "./file_publisher.ts";
import { readBlob } from "./file_reads.ts";
import {
  type FileRange,
  type FileSystem,
  systemErrorCode,
} from "./file_system.ts";
import {
  checkPrefix,
  checkRange,
  closedError,
  throwIfCancelled,
} from "./operation.ts";
import { displayFileUrl } from "./file_url.ts";
import { SystemDisk } from "./system_disk.ts";

/** Operations at once beyond which a disk gets no faster. */
const CONCURRENCY_MAX = 32;

/** Paths that are kept. */
const PATHS_MAX = 4096;

/** Answers to opening and reading a name that is no file's. */
const MISSING: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "EISDIR"]);

/** How to make a `FileStore`. */
export interface FileStoreOptions {
  /** The folder: an absolute, normalized path. */
  readonly path: string;
  /** The disk; this computer's when absent. */
  readonly disk?: FileSystem;
  /**
   * Lower case letters and digits that no other store object over this folder
   * has; random when absent. It names drafts.
   */
  readonly writerId?: string;
}

/** How to open a `FileStore`. */
export interface OpenFileStoreOptions extends FileStoreOptions {
  /** Make the folder, and those above it, if it is missing. */
  readonly create: boolean;
}

/**
 * Opens the store in a folder. Rejects with `NotFound` if the folder is
 * missing and not to be made, with `InvalidConfig` if it is no folder.
 */
export async function openFileStore(
  options: OpenFileStoreOptions,
): Promise<FileStore> {
  const { path, disk = new SystemDisk(), create } = options;
  const display = displayFileUrl(path);
  try {
    if (create) await makeFolders(disk, path);
    const status = await disk.status(path);
    if (status === null) {
      throw new BlobError(
        `Cannot open the store ${display}: there is no folder ${path}. ` +
          `Check the path for a typing error, or ask for a new store with ` +
          `--create`,
        { code: "NotFound" },
      );
    }
    if (status.isFile) {
      throw new BlobError(
        `Cannot open the store ${display}: ${path} is a file. Name the ` +
          `folder that holds the store`,
        { code: "InvalidConfig" },
      );
    }
  } catch (cause) {
    throw fileError(cause, {
      action: "open the store",
      display,
      reading: true,
    });
  }
  return new FileStore({ ...options, disk });
}

/** A blob store in a folder. */
export class FileStore implements BlobStore {
  readonly display: string;
  readonly capabilities: Capabilities = {
    createExclusive: true,
    hold: true,
    concurrencyMax: CONCURRENCY_MAX,
  };
  readonly #root: string;
  readonly #disk: FileSystem;
  readonly #publisher: FilePublisher;
  /** By keys that were found to be keys: it takes longer to see that than to read a block. */
  readonly #paths = new Map<string, string>();
  #hold: StoreHold | null = null;
  #closed = false;

  /** Makes a store over a folder that exists; touches nothing. */
  constructor(options: FileStoreOptions) {
    this.#root = options.path;
    this.#disk = options.disk ?? new SystemDisk();
    this.display = displayFileUrl(options.path);
    this.#publisher = new FilePublisher({
      disk: this.#disk,
      root: this.#root,
      writerId: options.writerId ?? randomId(),
    });
  }

  async put(
    key: string,
    body: Uint8Array,
    options: PutOptions = {},
  ): Promise<void> {
    checkFileKey(key);
    const action = `put "${key}"`;
    this.#check(action, options);
    const { ifAbsent = false, signal } = options;
    const publication = { key, body, ifAbsent, signal };
    let fresh: boolean;
    try {
      fresh = await this.#publisher.publish(publication);
    } catch (cause) {
      throw this.#error(cause, action, false);
    }
    if (fresh) return;
    throw new BlobError(
      `Cannot create "${key}" in ${this.display}: it exists already`,
      { code: "AlreadyExists" },
    );
  }

  async get(
    key: string,
    options: GetOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    checkFileKey(key);
    checkRange(options.range, key);
    const action = `get "${key}"`;
    this.#check(action, options);
    try {
      const bytes = await this.#read(key, options);
      throwIfCancelled(options.signal, action);
      return bytes;
    } catch (cause) {
      throw this.#error(cause, action, true);
    }
  }

  async getRanges(
    ranges: readonly KeyedRange[],
    options: OperationOptions = {},
  ): Promise<FoundRanges> {
    const action = `get ${ranges.length} ranges`;
    this.#check(action, options);
    const files = ranges.map((range) => this.#keptRange(range));
    try {
      const found = await this.#disk.readAllKept?.(files);
      throwIfCancelled(options.signal, action);
      return found ?? files.map(() => undefined);
    } catch (cause) {
      throw this.#error(cause, action, true);
    }
  }

  async head(
    key: string,
    options: OperationOptions = {},
  ): Promise<BlobDescription | null> {
    checkFileKey(key);
    const action = `head "${key}"`;
    this.#check(action, options);
    try {
      const status = await this.#disk.status(pathOf(this.#root, key));
      if (status === null) await this.#checkPresent();
      throwIfCancelled(options.signal, action);
      return status?.isFile ? { key, size: status.size } : null;
    } catch (cause) {
      throw this.#error(cause, action, true);
    }
  }

  /**
   * Lists folder by folder: a blob that is put meanwhile may be missing. Names
   * that are no keys, and what the store keeps for itself, are passed over.
   */
  async *list(
    prefix: string,
    options: ListOptions = {},
  ): AsyncGenerator<BlobDescription, void, undefined> {
    const { startAfter = "" } = options;
    checkPrefix(prefix);
    checkPrefix(startAfter);
    const action = `list "${prefix}"`;
    const check = (): void => this.#check(action, options);
    check();
    try {
      yield* listFiles({
        disk: this.#disk,
        root: this.#root,
        prefix,
        startAfter,
        check,
      });
    } catch (cause) {
      throw this.#error(cause, action, true);
    }
  }

  /**
   * Locks the folder, then makes durable what a dead writer left half done and
   * removes its drafts.
   */
  async hold(options: OperationOptions = {}): Promise<StoreHold | null> {
    const action = "hold the store";
    this.#check(action, options);
    try {
      const lock = await this.#disk.lock(pathOf(this.#root, LOCK_FILE));
      if (lock === null) return null;
      try {
        await this.#publisher.recover();
        this.#check(action, options);
      } catch (error) {
        lock.release();
        throw error;
      }
      this.#hold = {
        release(): Promise<void> {
          lock.release();
          return Promise.resolve();
        },
      };
      return this.#hold;
    } catch (cause) {
      throw this.#error(cause, action, false);
    }
  }

  /** Empty folders go, too: not for use beside puts to the same folders. */
  async delete(key: string, options: OperationOptions = {}): Promise<void> {
    checkFileKey(key);
    const action = `delete "${key}"`;
    this.#check(action, options);
    const path = pathOf(this.#root, key);
    try {
      const status = await this.#disk.status(path);
      if (status === null || !status.isFile) return;
      await this.#disk.remove(path);
      await this.#removeEmpty(key);
    } catch (cause) {
      if (systemErrorCode(cause) === "ENOENT") return;
      throw this.#error(cause, action, false);
    }
  }

  /** Also lets go of the hold. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#disk.closeKept?.();
    await this.#hold?.release();
  }

  /** Removes the folders above a key, from the inmost on, while they are empty. */
  async #removeEmpty(key: string): Promise<void> {
    const parts = key.split("/").slice(0, -1);
    try {
      while (parts.length > 0) {
        await this.#disk.remove(pathOf(this.#root, parts.join("/")));
        parts.pop();
      }
    } catch {
      // It has other blobs, or another one has removed it.
    }
    const folder = parts.length === 0
      ? this.#root
      : pathOf(this.#root, parts.join("/"));
    if (await this.#disk.status(folder) !== null) {
      await this.#disk.syncFolder(folder);
    }
  }

  async #read(
    key: string,
    { range, accept, allocate }: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    try {
      const path = pathOf(this.#root, key);
      return await readBlob(this.#disk, {
        key,
        path,
        range,
        accept,
        allocate,
      });
    } catch (cause) {
      if (!MISSING.has(systemErrorCode(cause))) throw cause;
      await this.#checkPresent();
      throw new BlobError(
        `Cannot get "${key}" from ${this.display}: there is no such blob`,
        { code: "NotFound", cause },
      );
    }
  }

  /** A blob is only missing if the store itself is there. */
  async #checkPresent(): Promise<void> {
    if ((await this.#disk.status(this.#root)) !== null) return;
    throw new BlobError(
      `Cannot use the store ${this.display}: its folder is gone. Is the ` +
        `file system mounted? \`findmnt -T ${this.#root}\` tells`,
      { code: "Unavailable", retryable: true },
    );
  }

  #keptRange(range: KeyedRange): FileRange {
    const { key, offset, length } = range;
    checkRange(range, key);
    let path = this.#paths.get(key);
    if (path === undefined) {
      checkFileKey(key);
      path = pathOf(this.#root, key);
      if (this.#paths.size >= PATHS_MAX) this.#paths.clear();
      this.#paths.set(key, path);
    }
    return { path, offset, length };
  }

  #error(cause: unknown, action: string, reading: boolean): BlobError {
    return fileError(cause, { action, display: this.display, reading });
  }

  #check(action: string, options: OperationOptions): void {
    if (this.#closed) throw closedError(action, this.display);
    throwIfCancelled(options.signal, action);
  }
}

function randomId(): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, 16);
}
