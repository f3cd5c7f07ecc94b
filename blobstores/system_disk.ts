/**
 * The disk of this computer, behind the `FileSystem` interface.
 *
 * @module
 */

import { DirectFiles } from "./direct_file.ts";
import type { FoundRanges } from "./blob_store.ts";
import {
  type FileLock,
  type FileRange,
  type FileReader,
  type FileStatus,
  type FileSystem,
  type FileWriter,
  type FolderEntry,
  systemErrorCode,
} from "./file_system.ts";
import { openSmallReads, type SmallReads } from "./small_reads.ts";

/** Published files are for reading; the process' umask narrows this further. */
const FILE_MODE = 0o444;

/** `FileSystem` over the calls of the operating system. */
export class SystemDisk implements FileSystem {
  #smallReads: SmallReads | undefined;
  /** Null before the first. */
  #directFiles: DirectFiles | undefined | null = null;
  /** The first was asked for, or no more shall be. */
  #isDecided = false;
  #isClosed = false;

  async create(path: string): Promise<FileWriter> {
    const file = await Deno.open(path, {
      write: true,
      createNew: true,
      mode: FILE_MODE,
    });
    return {
      async write(bytes): Promise<void> {
        let written = 0;
        while (written < bytes.length) {
          written += await file.write(bytes.subarray(written));
        }
      },
      sync: () => file.syncData(),
      close: () => file.close(),
    };
  }

  async createDirect(path: string): Promise<FileWriter | undefined> {
    if (this.#isClosed) return undefined;
    if (this.#directFiles === null) this.#directFiles = DirectFiles.open();
    return await this.#directFiles?.create(path, FILE_MODE);
  }

  async open(path: string): Promise<FileReader> {
    const file = await Deno.open(path, { read: true });
    return {
      size: async () => (await file.stat()).size,
      async read(target, offset): Promise<number> {
        // The handle is not shared, so that moving its position is safe; it
        // never waits for the disk.
        file.seekSync(offset, Deno.SeekMode.Start);
        let length = 0;
        while (length < target.length) {
          const count = await file.read(target.subarray(length));
          if (count === null) break;
          length += count;
        }
        return length;
      },
      close: () => file.close(),
    };
  }

  readKept(
    path: string,
    offset: number,
    length: number,
  ): Promise<Uint8Array<ArrayBuffer>> | undefined {
    if (!this.#isDecided) this.#decide(path);
    return this.#smallReads?.read(path, offset, length);
  }

  readAllKept(
    ranges: readonly FileRange[],
  ): Promise<FoundRanges> | undefined {
    const [first] = ranges;
    if (first === undefined) return undefined;
    if (!this.#isDecided) this.#decide(first.path);
    return this.#smallReads?.readAll(ranges);
  }

  closeKept(): void {
    this.#isDecided = true;
    this.#isClosed = true;
    this.#smallReads?.close();
    this.#smallReads = undefined;
    this.#directFiles?.close();
    this.#directFiles = undefined;
  }

  /** Whether small reads are made at once; until that is known they are not. */
  async #decide(path: string): Promise<void> {
    this.#isDecided = true;
    const reads = await openSmallReads(path);
    if (this.#isClosed) reads?.close();
    else if (reads === null) this.#isDecided = false;
    else this.#smallReads = reads;
  }

  link(path: string, newPath: string): Promise<void> {
    return Deno.link(path, newPath);
  }

  rename(path: string, newPath: string): Promise<void> {
    return Deno.rename(path, newPath).finally(() =>
      this.#smallReads?.forget(newPath)
    );
  }

  remove(path: string): Promise<void> {
    return Deno.remove(path).finally(() => this.#smallReads?.forget(path));
  }

  makeFolder(path: string): Promise<void> {
    return Deno.mkdir(path);
  }

  async readFolder(path: string): Promise<FolderEntry[]> {
    const entries: FolderEntry[] = [];
    for await (const entry of Deno.readDir(path)) {
      const kind = entry.isFile
        ? "file"
        : entry.isDirectory
        ? "folder"
        : entry.isSymlink
        ? "link"
        : "other";
      entries.push({ name: entry.name, kind });
    }
    return entries;
  }

  async syncFolder(path: string): Promise<void> {
    // Folders above the store need not be allowed: nobody is asked for them.
    if (
      Deno.permissions.querySync({ name: "read", path }).state !== "granted"
    ) {
      throw new Deno.errors.NotCapable(
        `Cannot sync the folder ${path}: reading it is not allowed`,
      );
    }
    const folder = await Deno.open(path, { read: true });
    try {
      await folder.sync();
    } catch (error) {
      // Some network and FUSE file systems have no sync of folders: their
      // server orders names by itself, and there is nothing more to ask for.
      const code = systemErrorCode(error);
      if (code !== "EINVAL" && code !== "ENOTSUP") throw error;
    } finally {
      folder.close();
    }
  }

  async status(path: string): Promise<FileStatus | null> {
    try {
      const { isFile, size, nlink } = await Deno.stat(path);
      return { isFile, size, linkCount: nlink ?? 1 };
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === "ENOENT" || code === "ENOTDIR") return null;
      throw error;
    }
  }

  async lock(path: string): Promise<FileLock | null> {
    const file = await Deno.open(path, { create: true, write: true });
    let locked = false;
    try {
      locked = await file.tryLock(true);
    } finally {
      if (!locked) file.close();
    }
    if (!locked) return null;
    let held = true;
    return {
      // The kernel drops the lock with the last handle of the file.
      release(): void {
        if (held) file.close();
        held = false;
      },
    };
  }
}
