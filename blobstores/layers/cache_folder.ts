/**
 * What a pack cache needs of the local disk: two files of one folder, which one
 * process has at a time. A test stands in a disk that fills up or fails.
 *
 * Nothing is ever synced: a cache that finds less than it wrote fetches again.
 *
 * @module
 */

import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  read,
  statfsSync,
  write,
} from "node:fs";

/** An open file of a cache. Calls reject with the system's error, which has a `code`. */
export interface CacheFile {
  /** Bytes. */
  size(): number;
  /** Fills `into` from `position`; resolves with how many bytes there were. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all of `bytes`, borrowed until it settles, at `position`. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Cuts the file off. */
  truncate(size: number): void;
}

/** The folder of a cache, held by this process alone. */
export interface CacheFolder {
  /** Where it is, for messages. */
  readonly location: string;
  /** The bytes of the extents. */
  readonly extents: CacheFile;
  /** Which extent is where. */
  readonly table: CacheFile;
  /** Bytes that are free on its file system; undefined where that cannot be asked. */
  freeBytes(): number | undefined;
  /** Lets go of it. No call may be under way. */
  close(): void;
}

/**
 * Opens the folder at `path`, making it if it is missing; undefined while
 * another process has it. Throws the system's error.
 */
export function openCacheFolder(path: string): CacheFolder | undefined {
  Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
  const lock = Deno.openSync(`${path}/lock`, { write: true, create: true });
  const opened: SystemFile[] = [];
  const close = (): void => {
    for (const file of opened) file.close();
    lock.close();
  };
  try {
    if (!lock.tryLockSync(true)) {
      close();
      return undefined;
    }
    const [extents, table] = ["extents", "table"].map((name) => {
      const file = new SystemFile(`${path}/${name}`);
      opened.push(file);
      return file;
    }) as [SystemFile, SystemFile];
    return {
      location: path,
      extents,
      table,
      freeBytes: () => freeBytesAt(path),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

class SystemFile implements CacheFile {
  readonly #descriptor: number;

  constructor(path: string) {
    // What clients wrote is for this server's user alone.
    Deno.openSync(path, { write: true, create: true, mode: 0o600 }).close();
    this.#descriptor = openSync(path, "r+");
  }

  size(): number {
    return fstatSync(this.#descriptor).size;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const count = await this.#readSome(into, done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      done += await this.#writeSome(bytes, done, position + done);
    }
  }

  truncate(size: number): void {
    ftruncateSync(this.#descriptor, size);
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #readSome(into: Uint8Array, at: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const length = into.length - at;
      const done = settle(resolve, reject);
      read(this.#descriptor, into, at, length, position, done);
    });
  }

  #writeSome(bytes: Uint8Array, at: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const length = bytes.length - at;
      const done = settle(resolve, reject);
      write(this.#descriptor, bytes, at, length, position, done);
    });
  }
}

function settle(
  resolve: (count: number) => void,
  reject: (error: Error) => void,
): (error: Error | null, count: number) => void {
  return (error, count) => error ? reject(error) : resolve(count);
}

function freeBytesAt(path: string): number | undefined {
  // Without the permission, which is not asked for, a full disk is met when it is.
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "statfs" });
  if (state !== "granted") return undefined;
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
