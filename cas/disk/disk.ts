/**
 * A directory of files, as the journal needs it: writes at a position, an
 * explicit point of durability, and a directory whose changes have one too.
 *
 * Nothing here is durable by itself: bytes are after `sync` of their file, and
 * names (created, renamed, removed) after `syncDirectory`. Calls throw a
 * `DiskError`.
 *
 * @module
 */

/** An open file. */
export interface DiskFile {
  /** Bytes; what was written beyond the end counts at once. */
  readonly size: number;

  /** Writes all of `bytes` at `position` (borrowed until it returns), or throws. */
  write(bytes: Uint8Array, position: number): void;

  /** Fills `into` from `position`; returns how many bytes there were. */
  read(into: Uint8Array, position: number): number;

  /**
   * Makes what was written before the call durable. After a rejection the
   * state of those bytes is unknown and a further `sync` proves nothing: the
   * system may have dropped them.
   */
  sync(): Promise<void>;

  /**
   * Writes all of `bytes` at `position` and makes them durable, blocking the
   * thread. Nothing is said of what was written before. Fastest where `bytes`
   * is `alignedBytes` and position and length are multiples of 4096. After it
   * threw, the state of the bytes is unknown.
   */
  writeDurably(bytes: Uint8Array, position: number): void;

  /**
   * The same on another thread. `bytes` are borrowed until it settles, and
   * nothing else is asked of the file meanwhile.
   */
  writeDurablySoon(bytes: Uint8Array, position: number): Promise<void>;

  /** Lets go of the file. Nothing may be under way. */
  close(): void;
}

/** A directory of files without subdirectories. */
export interface Disk {
  /** Where it is, for messages to people. */
  readonly location: string;

  /** The names of all files, in no order. */
  list(): string[];

  /** Makes an empty file; throws if the name exists. */
  create(name: string): DiskFile;

  /** Opens a file for reading and writing; throws if there is none. */
  open(name: string): DiskFile;

  /** Removes a file. */
  remove(name: string): void;

  /** Renames a file; replaces `to` if it exists. */
  rename(from: string, to: string): void;

  /** Makes all names as they are now durable. */
  syncDirectory(): Promise<void>;

  /** The same, blocking the thread. */
  syncDirectoryNow(): void;
}

/** What the system said: `EIO`, `ENOSPC`, `ENOENT`, …. */
export class DiskError extends Error {
  /** The system's error code. */
  readonly code: string;

  /** Makes an error; `message` says what was tried on what. */
  constructor(code: string, message: string, cause?: unknown) {
    super(`${message}: ${code}`, { cause });
    this.name = "DiskError";
    this.code = code;
  }
}
