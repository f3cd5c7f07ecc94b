/**
 * Files written past the system's memory, where the system can: large bytes go
 * to the disk without a copy, and leave nothing behind that holds up others'
 * syncs. Of 20 MiB in pieces of 1 MiB that took 0.6 to 0.8 us of processor time
 * for each 4 KiB instead of 1.9 to 2.4, at 1.3 to 1.7 times the speed (measured
 * 2026-11, ext4 on a virtual disk).
 *
 * The writes are native calls on other threads, because those of `node:fs` wait
 * for the disk on the thread that calls, whatever their form (Deno 2.9.6).
 *
 * @module
 */

import { close, constants, fdatasync, ftruncate, open } from "node:fs";
import type { FileWriter } from "./file_system.ts";
import { openLibc } from "./libc.ts";

/** What positions, lengths and memory are multiples of, to be sure. */
const ALIGNMENT = 4096;

/** The flags of `open(2)` where this system has all of them. */
const FLAGS: number | undefined = directFlags();

/** Memory for ends of files, each of `ALIGNMENT` bytes: as many as were ever written at once. */
const idleTails: Uint8Array<ArrayBuffer>[] = [];

const SYMBOLS = {
  pwrite: {
    parameters: ["i32", "buffer", "usize", "i64"],
    result: "isize",
    nonblocking: true,
  },
} as const;

type Pwrite = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"]["pwrite"];

/** Makes files that are written past the system's memory. */
export class DirectFiles {
  readonly #libc: Deno.DynamicLibrary<typeof SYMBOLS>;

  private constructor(libc: Deno.DynamicLibrary<typeof SYMBOLS>) {
    this.#libc = libc;
  }

  /** Undefined where this system has no such files, or native calls are not allowed. */
  static open(): DirectFiles | undefined {
    const libc = FLAGS === undefined ? undefined : openLibc(SYMBOLS);
    return libc && new DirectFiles(libc);
  }

  /** Makes a new file with this mode; rejects as `open(2)`, maybe having made it, where the file system has no such files. */
  async create(path: string, mode: number): Promise<FileWriter> {
    const descriptor = await call<number>((done) =>
      open(path, FLAGS as number, mode, done)
    );
    return new DirectFile(descriptor, this.#libc.symbols.pwrite);
  }

  /** Lets go of the library. */
  close(): void {
    this.#libc.close();
  }
}

/** A file that is written piece by piece, all but the last in multiples of 4096 bytes. */
class DirectFile implements FileWriter {
  readonly #descriptor: number;
  readonly #pwrite: Pwrite;
  #position = 0;

  constructor(descriptor: number, pwrite: Pwrite) {
    this.#descriptor = descriptor;
    this.#pwrite = pwrite;
  }

  async write(bytes: Uint8Array): Promise<void> {
    // Native code must not read what another thread may write.
    const own = bytes.buffer instanceof ArrayBuffer
      ? bytes as Uint8Array<ArrayBuffer>
      : new Uint8Array(bytes);
    const end = bytes.length % ALIGNMENT;
    const whole = bytes.length - end;
    await this.#append(own.subarray(0, whole));
    if (end === 0) return;
    const tail = idleTails.pop() ?? newTail();
    try {
      tail.set(bytes.subarray(whole));
      await this.#append(tail);
      const size = this.#position - ALIGNMENT + end;
      await call((done) => ftruncate(this.#descriptor, size, done));
    } finally {
      idleTails.push(tail);
    }
  }

  sync(): Promise<void> {
    return call((done) => fdatasync(this.#descriptor, done));
  }

  close(): void {
    close(this.#descriptor, () => {});
  }

  async #append(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const left = bytes.subarray(done);
      const count = Number(
        await this.#pwrite(
          this.#descriptor,
          left,
          BigInt(left.length),
          BigInt(this.#position),
        ),
      );
      // Why not is a variable of the other thread: who writes as ever is told.
      if (count <= 0) throw new DirectWriteError("EINVAL: pwrite");
      done += count;
      this.#position += count;
    }
  }
}

/** A write that could not be made like this. */
class DirectWriteError extends Error {
  readonly code = "EINVAL";
}

/** WebAssembly's memory begins where direct writes need it. */
function newTail(): Uint8Array<ArrayBuffer> {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  return new Uint8Array(memory.buffer as ArrayBuffer, 0, ALIGNMENT);
}

/** What a call of `node:fs` calls back with. */
function call<Result = void>(
  start: (done: (error: Error | null, result?: Result) => void) => void,
): Promise<Result> {
  return new Promise((resolve, reject) =>
    start((error, result) => error ? reject(error) : resolve(result as Result))
  );
}

function directFlags(): number | undefined {
  const { O_WRONLY, O_CREAT, O_EXCL, O_DIRECT } = constants;
  if (O_DIRECT === undefined) return undefined;
  return O_WRONLY | O_CREAT | O_EXCL | O_DIRECT;
}
