/**
 * Files that stay open between reads.
 *
 * A descriptor keeps showing a file that was removed or replaced since, so each
 * is relied on for a second only. How many there are is bounded; one in use is
 * closed when it was given back.
 *
 * @module
 */

import { closeSync, openSync, readSync } from "node:fs";
import { systemErrorCode } from "./file_system.ts";

/** Files kept open: well below what a process may open. */
const FILES_MAX = 256;
/** How long a file is taken for the one at its path. */
const TRUST_MS = 1000;

/** The process, or the system, has too many files open. */
const EXHAUSTED: ReadonlySet<string> = new Set(["EMFILE", "ENFILE"]);

/** A file that is open. */
export interface OpenFile {
  /** The system's number of it. */
  readonly descriptor: number;
}

class Entry implements OpenFile {
  readonly descriptor: number;
  readonly openedMs: number;
  /** Who reads it now. */
  users = 0;
  /** Nobody gets it any more. */
  retired = false;

  constructor(descriptor: number, openedMs: number) {
    this.descriptor = descriptor;
    this.openedMs = openedMs;
  }
}

/** What open files need from outside. */
export interface OpenFilesOptions {
  /** Milliseconds from any origin. */
  readonly nowMs: () => number;
  /** Most files kept open; 256 when absent. */
  readonly filesMax?: number;
}

/** A bounded number of open files, by path. */
export class OpenFiles {
  readonly #nowMs: () => number;
  readonly #filesMax: number;
  /** The one used last at the end. */
  readonly #entries = new Map<string, Entry>();

  /** Opens nothing yet. */
  constructor(options: OpenFilesOptions) {
    this.#nowMs = options.nowMs;
    this.#filesMax = options.filesMax ?? FILES_MAX;
  }

  /** Files kept open. */
  get count(): number {
    return this.#entries.size;
  }

  /**
   * The file at a path, to be given back; throws the system's error. When no
   * more can be opened all are closed, for those who open files elsewhere.
   */
  take(path: string): OpenFile {
    const known = this.#entries.get(path);
    const isTrusted = known !== undefined &&
      this.#nowMs() - known.openedMs < TRUST_MS;
    if (isTrusted) {
      known.users++;
      this.#entries.delete(path);
      this.#entries.set(path, known);
      return known;
    }
    this.forget(path);
    const entry = new Entry(this.#open(path), this.#nowMs());
    entry.users++;
    this.#entries.set(path, entry);
    this.#trim();
    return entry;
  }

  /** Gives a file back. */
  give(file: OpenFile): void {
    const entry = file as Entry;
    entry.users--;
    if (entry.retired && entry.users === 0) closeSync(entry.descriptor);
  }

  /** Opens the path anew from now on. */
  forget(path: string): void {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    this.#entries.delete(path);
    retire(entry);
  }

  /** Closes those that nobody would get any more: others need descriptors, too. */
  sweep(): void {
    for (const [path, { openedMs }] of [...this.#entries]) {
      if (this.#nowMs() - openedMs >= TRUST_MS) this.forget(path);
    }
  }

  /** Closes all files. */
  clear(): void {
    for (const path of [...this.#entries.keys()]) this.forget(path);
  }

  #open(path: string): number {
    try {
      return openSync(path, "r");
    } catch (error) {
      if (EXHAUSTED.has(systemErrorCode(error))) this.clear();
      throw error;
    }
  }

  #trim(): void {
    if (this.#entries.size <= this.#filesMax) return;
    for (const oldest of this.#entries.keys()) {
      this.forget(oldest);
      return;
    }
  }
}

function retire(entry: Entry): void {
  entry.retired = true;
  if (entry.users === 0) closeSync(entry.descriptor);
}

/** Fills `bytes` from a file's byte `offset` on, waiting for the disk; how many there were: fewer only at its end. */
export function readFileInto(
  { descriptor }: OpenFile,
  bytes: Uint8Array,
  offset: number,
): number {
  const { length } = bytes;
  for (let done = 0; done < length;) {
    const left = length - done;
    const count = readSync(descriptor, bytes, done, left, offset + done);
    if (count === 0) return done;
    done += count;
  }
  return length;
}

/** The same with new memory. */
export function readFileNow(
  file: OpenFile,
  offset: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, readFileInto(file, bytes, offset));
}
