/**
 * What the file store needs of a disk, and no more: so that a test can stand
 * in a disk that loses whatever was not synced.
 *
 * Every operation rejects with an error whose `code` is the POSIX name of the
 * failure (`ENOENT`, `EEXIST`, `ENOSPC`, …). A name is a path with `/`.
 *
 * Nothing survives a loss of power by itself: the bytes of a file do after
 * `sync` of the file, and the name of a file or folder does after `syncFolder`
 * of the folder that it stands in.
 *
 * @module
 */

import type { FoundRanges } from "./blob_store.ts";

/** What a name stands for. */
export interface FileStatus {
  /** A regular file, or a link to one. */
  readonly isFile: boolean;
  /** Length in bytes; only meaningful for a file. */
  readonly size: number;
  /** How many names the file has; 1 where the file system does not tell. */
  readonly linkCount: number;
}

/** A name in a folder. */
export interface FolderEntry {
  /** The name alone, without the folder. */
  readonly name: string;
  /** `link` is a symbolic link: what it points at, `status` tells. */
  readonly kind: "file" | "folder" | "link" | "other";
}

/** A file that is being written. */
export interface FileWriter {
  /** Appends all of `bytes`, which are borrowed until it resolves. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when what was written survives a loss of power. */
  sync(): Promise<void>;
  /** Closes the file. Does not sync. */
  close(): void;
}

/** A file that is being read. */
export interface FileReader {
  /** Length of the file in bytes. */
  size(): Promise<number>;
  /**
   * Fills `target` from the file's byte `offset` on and resolves with how many
   * bytes there were: fewer than asked only at the end of the file.
   */
  read(target: Uint8Array, offset: number): Promise<number>;
  /** Closes the file. */
  close(): void;
}

/** A range of a file. */
export interface FileRange {
  /** Where the file is. */
  readonly path: string;
  /** First byte. */
  readonly offset: number;
  /** How many bytes. */
  readonly length: number;
}

/** A lock that the system takes back when its holder dies. */
export interface FileLock {
  /** Lets go. Safe to call twice. */
  release(): void;
}

/** A disk. */
export interface FileSystem {
  /**
   * Makes a new file that is read-only for everybody but the returned writer.
   * `EEXIST` if the name is taken.
   */
  create(path: string): Promise<FileWriter>;
  /**
   * The same for a large file, whose bytes go past the system's memory: they
   * need no sync one after the other, one at the end is enough. Every piece
   * written, but the last, is a multiple of 4096 bytes long. Undefined, maybe
   * having made the file, where that is not possible, or rejects. A `write` that
   * failed rejects with `EINVAL`, whatever the reason: `create` tells.
   */
  createDirect?(path: string): Promise<FileWriter | undefined>;
  /** Opens a file for reading. */
  open(path: string): Promise<FileReader>;
  /**
   * Reads `length` bytes from the byte `offset` of the file that stands at
   * `path`, or stood there up to a second ago: fewer only at its end. For reads
   * that are small and many, of files that are kept open; undefined where that
   * would bring nothing.
   */
  readKept?(
    path: string,
    offset: number,
    length: number,
  ): Promise<Uint8Array<ArrayBuffer>> | undefined;
  /**
   * The same for many at once: the disk works on all of them together. Each is
   * undefined that could not be read, or ends before; they share one buffer.
   */
  readAllKept?(
    ranges: readonly FileRange[],
  ): Promise<FoundRanges> | undefined;
  /** Closes the files that were kept open for `readKept`, which keeps no more; no more are made by `createDirect`. */
  closeKept?(): void;
  /**
   * Gives the file `path` a second name, `EEXIST` if that is taken. `EPERM`,
   * `ENOTSUP` and their like where files have one name only.
   */
  link(path: string, newPath: string): Promise<void>;
  /** Renames, in one step replacing a file that had the new name. */
  rename(path: string, newPath: string): Promise<void>;
  /** Removes a name: a file's, or that of an empty folder. */
  remove(path: string): Promise<void>;
  /** Makes one folder, `EEXIST` if the name is taken. */
  makeFolder(path: string): Promise<void>;
  /** All entries of a folder, in no order. */
  readFolder(path: string): Promise<FolderEntry[]>;
  /** Resolves when the names in this folder survive a loss of power. */
  syncFolder(path: string): Promise<void>;
  /** What a name stands for, following links; null if there is none. */
  status(path: string): Promise<FileStatus | null>;
  /** Locks the file `path`, making it if need be; null if another has it. */
  lock(path: string): Promise<FileLock | null>;
}

/** The POSIX name of what went wrong; "" where an error has none. */
export function systemErrorCode(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : "";
}
