/**
 * Reads of an open file that never wait for the disk on this thread: calls of
 * libc's, on Linux, where native calls are allowed.
 *
 * @module
 */

import { openLibc } from "../../blobstores/libc.ts";
import type { FileReads, Piece } from "../../devices/file_reads.ts";

const SYMBOLS = {
  memset: { parameters: ["buffer", "i32", "usize"], result: "usize" },
  fstatfs: { parameters: ["i32", "buffer"], result: "i32" },
  preadv2: {
    parameters: ["i32", "buffer", "i32", "i64", "i32"],
    result: "isize",
  },
  pread: {
    parameters: ["i32", "buffer", "usize", "i64"],
    result: "isize",
    nonblocking: true,
  },
} as const;

/** preadv2(2): gives what is in memory, and never waits. */
const RWF_NOWAIT = 8;

/** Bytes of a `struct statfs`, and more: it begins with the type. */
const STATFS_LENGTH = 512;
/** Types whose files are in memory, and which do not know `RWF_NOWAIT`: linux/magic.h. */
const MEMORY_TYPES: ReadonlySet<number> = new Set([
  0x01021994, // tmpfs
  0x858458f6, // ramfs
]);

/** Longest read that is tried at once: more than any frame holds. */
const LENGTH_MAX: number = 64 * 1024;

/** Where the two words of a `struct iovec` are. */
const IovecOffset = { Base: 0, Length: 8, End: 16 } as const;

/** The reads of an open file; undefined where there is no such libc, or it may not be called. */
export function openFileReads(descriptor: number): FileReads | undefined {
  const libc = openLibc(SYMBOLS);
  return libc && new LibcReads(libc, descriptor);
}

class LibcReads implements FileReads {
  readonly #libc: Deno.DynamicLibrary<typeof SYMBOLS>;
  readonly #descriptor: number;
  readonly #flags: number;
  /** Where the system puts what it has: its address is asked for once. */
  readonly #memory = new Uint8Array(LENGTH_MAX);
  readonly #iovec = new DataView(new ArrayBuffer(IovecOffset.End));
  readonly #iovecBytes = new Uint8Array(this.#iovec.buffer);

  constructor(libc: Deno.DynamicLibrary<typeof SYMBOLS>, descriptor: number) {
    this.#libc = libc;
    this.#descriptor = descriptor;
    this.#flags = isInMemory(libc, descriptor) ? 0 : RWF_NOWAIT;
    // Returns where the memory is; `Deno.UnsafePointer` needs all of `--allow-ffi`.
    const address = libc.symbols.memset(this.#memory, 0, 0n);
    // Both kinds of machines are little-endian.
    this.#iovec.setBigUint64(IovecOffset.Base, address, true);
  }

  readNow({ bytes, offset, byteCount, position }: Piece): boolean {
    if (byteCount > LENGTH_MAX) return false;
    this.#iovec.setUint32(IovecOffset.Length, byteCount, true);
    const count = this.#libc.symbols.preadv2(
      this.#descriptor,
      this.#iovecBytes,
      1,
      BigInt(position),
      this.#flags,
    );
    if (Number(count) !== byteCount) return false;
    bytes.set(this.#memory.subarray(0, byteCount), offset);
    return true;
  }

  readonly read = async (piece: Piece): Promise<number> => {
    const { bytes, offset, byteCount, position } = piece;
    const count = Number(
      await this.#libc.symbols.pread(
        this.#descriptor,
        bytes.subarray(offset, offset + byteCount),
        BigInt(byteCount),
        BigInt(position),
      ),
    );
    if (count >= 0) return count;
    // Why not is a variable of the other thread.
    throw new Error(
      "the system could not read it, its log says why (journalctl -k)",
    );
  };

  close(): void {
    this.#libc.close();
  }
}

function isInMemory(
  libc: Deno.DynamicLibrary<typeof SYMBOLS>,
  descriptor: number,
): boolean {
  const status = new Uint8Array(STATFS_LENGTH);
  if (libc.symbols.fstatfs(descriptor, status) !== 0) return false;
  return MEMORY_TYPES.has(new DataView(status.buffer).getUint32(0, true));
}
