/**
 * Where a sparse file has no data, asked of the file system: without that, a
 * hole is read as zeros. Linux alone; one native call for each hole.
 *
 * @module
 */

/** Absolute, because a scoped `--allow-ffi` takes a bare name for a file in the working directory. */
const LIBC_PATHS: readonly string[] = [
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/lib/aarch64-linux-gnu/libc.so.6",
  "/lib64/libc.so.6",
];

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

const O_RDONLY_CLOEXEC = 0o2000000;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** Knows the holes of one file. */
export interface FileHoles {
  /** Bytes from `offset` on that are a hole: 0 where there is data, infinite up to the file's end. */
  holeLength(offset: number): number;
  /** Lets go of the file. */
  close(): void;
}

/** Opens a file to ask for its holes; undefined where nobody knows or may ask. */
export function openFileHoles(path: string): FileHoles | undefined {
  if (Deno.build.os !== "linux") return undefined;
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") {
    return undefined;
  }
  for (const library of LIBC_PATHS) {
    try {
      return holesOf(Deno.dlopen(library, SYMBOLS), path);
    } catch {
      // Not there: another one, or none, and holes are read.
    }
  }
  return undefined;
}

function holesOf(
  libc: Deno.DynamicLibrary<typeof SYMBOLS>,
  path: string,
): FileHoles | undefined {
  const { open, lseek, close } = libc.symbols;
  const file = open(new TextEncoder().encode(`${path}\0`), O_RDONLY_CLOEXEC);
  const seek = (offset: number, whence: number): number =>
    Number(lseek(file, BigInt(offset), whence));
  // Block devices and some file systems refuse to tell.
  if (file < 0 || seek(0, SEEK_HOLE) < 0) {
    if (file >= 0) close(file);
    libc.close();
    return undefined;
  }
  return {
    holeLength(offset: number): number {
      const data = seek(offset, SEEK_DATA);
      if (data >= 0) return data - offset;
      // No data any more, or a disk that fails: that must be met by a read.
      return seek(offset, SEEK_HOLE) === offset ? Infinity : 0;
    },
    close(): void {
      close(file);
      libc.close();
    },
  };
}
