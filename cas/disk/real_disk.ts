/**
 * A directory of the operating system as a `Disk`, over `node:fs`, whose calls
 * with a position are pread and pwrite (Deno's own file has none).
 *
 * @module
 */

import {
  close,
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  fsyncSync,
  mkdirSync,
  open,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { DirectWriter, type WriteElsewhere } from "./direct_writer.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { attempt, toDiskError } from "./system_error.ts";

/** Options of `openRealDisk`. */
export interface RealDiskOptions {
  /** Without it a durable write on another thread goes through the system's cache. */
  readonly writeElsewhere?: WriteElsewhere;
}

/** Opens a directory, making it if need be. */
export function openRealDisk(
  path: string,
  options: RealDiskOptions = {},
): Disk {
  attempt(`Cannot make the directory ${path}`, function make(): void {
    const newest = mkdirSync(path, { recursive: true });
    if (newest !== undefined) syncParents(resolve(path), resolve(newest));
  });
  return new RealDisk(path, options);
}

/** Makes the names of new directories durable: of `path`, up to `topmost`. */
function syncParents(path: string, topmost: string): void {
  for (let made = path; made.length >= topmost.length; made = dirname(made)) {
    const parent = openSync(dirname(made), "r");
    try {
      fsyncSync(parent);
    } finally {
      closeSync(parent);
    }
    if (made === dirname(made)) return;
  }
}

class RealDisk implements Disk {
  readonly location: string;
  readonly #options: RealDiskOptions;

  constructor(path: string, options: RealDiskOptions) {
    this.location = path;
    this.#options = options;
  }

  list(): string[] {
    return attempt(`Cannot list ${this.location}`, () => {
      return readdirSync(this.location, { withFileTypes: true })
        .filter((entry) => entry.isFile()).map((entry) => entry.name);
    });
  }

  create(name: string): DiskFile {
    return this.#open(name, "wx+");
  }

  open(name: string): DiskFile {
    return this.#open(name, "r+");
  }

  remove(name: string): void {
    const path = this.#path(name);
    attempt(`Cannot remove ${path}`, () => unlinkSync(path));
  }

  rename(from: string, to: string): void {
    const path = this.#path(from);
    attempt(
      `Cannot rename ${path} to ${to}`,
      () => renameSync(path, this.#path(to)),
    );
  }

  syncDirectory(): Promise<void> {
    const { location } = this;
    return new Promise(function run(resolve, reject): void {
      function fail(error: unknown): void {
        reject(toDiskError(error, `Cannot sync the directory ${location}`));
      }
      open(location, "r", function opened(error, descriptor): void {
        if (error) return fail(error);
        fsync(descriptor, function synced(syncError): void {
          close(descriptor, function closed(closeError): void {
            if (syncError ?? closeError) fail(syncError ?? closeError);
            else resolve();
          });
        });
      });
    });
  }

  syncDirectoryNow(): void {
    const { location } = this;
    attempt(`Cannot sync the directory ${location}`, () => {
      const descriptor = openSync(location, "r");
      try {
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    });
  }

  #open(name: string, flags: string): DiskFile {
    const path = this.#path(name);
    return attempt(
      `Cannot open ${path}`,
      // Only this server's user reads what its clients wrote.
      () => new RealFile(path, openSync(path, flags, 0o600), this.#options),
    );
  }

  #path(name: string): string {
    return `${this.location}/${name}`;
  }
}

class RealFile implements DiskFile {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #direct: DirectWriter;

  constructor(path: string, descriptor: number, options: RealDiskOptions) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.#direct = new DirectWriter(path, options.writeElsewhere);
  }

  get size(): number {
    return attempt(
      `Cannot stat ${this.#path}`,
      () => fstatSync(this.#descriptor).size,
    );
  }

  write(bytes: Uint8Array, position: number): void {
    try {
      let done = 0;
      while (done < bytes.length) {
        done += writeSync(
          this.#descriptor,
          bytes,
          done,
          bytes.length - done,
          position + done,
        );
      }
    } catch (error) {
      throw toDiskError(
        error,
        `Cannot write ${bytes.length} bytes at ${position} to ${this.#path}`,
      );
    }
  }

  read(into: Uint8Array, position: number): number {
    return attempt(`Cannot read ${this.#path} at ${position}`, () => {
      let done = 0;
      while (done < into.length) {
        const count = readSync(
          this.#descriptor,
          into,
          done,
          into.length - done,
          position + done,
        );
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#descriptor, (error) => {
        if (error) reject(toDiskError(error, `Cannot sync ${this.#path}`));
        else resolve();
      });
    });
  }

  writeDurably(bytes: Uint8Array, position: number): void {
    if (this.#direct.write(bytes, position)) return;
    this.write(bytes, position);
    try {
      fdatasyncSync(this.#descriptor);
    } catch (error) {
      throw toDiskError(error, `Cannot sync ${this.#path}`);
    }
  }

  /** Not by `node:fs` directly: that waits for the disk on this thread, even if it is called asynchronous (Deno 2.9.6). */
  async writeDurablySoon(bytes: Uint8Array, position: number): Promise<void> {
    if (await this.#direct.writeSoon(bytes, position)) return;
    this.write(bytes, position);
    await this.sync();
  }

  close(): void {
    attempt(`Cannot close ${this.#path}`, () => {
      try {
        this.#direct.close();
      } finally {
        closeSync(this.#descriptor);
      }
    });
  }
}
