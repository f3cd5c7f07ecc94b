/**
 * Tells the system which bytes of a file are read next: one call of libc's, on
 * Linux, where native calls are allowed. Nothing here asks the user for that.
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
  posix_fadvise: { parameters: ["i32", "i64", "i64", "i32"], result: "i32" },
} as const;

/** posix_fadvise(2): the system begins to read the bytes into its memory. */
const POSIX_FADV_WILLNEED = 3;

/** Tells the system which bytes of an open file are read next. */
export interface ReadAnnouncer {
  /** Begins to fetch; waits for nothing. */
  announce(descriptor: number, offset: number, length: number): void;
  /** Lets go of what it needs. */
  close(): void;
}

/** The system's; undefined where there is none, or it may not be called. */
export function systemAnnouncer(): ReadAnnouncer | undefined {
  if (Deno.build.os !== "linux") return undefined;
  for (const path of LIBC_PATHS) {
    const { state } = Deno.permissions.querySync({ name: "ffi", path });
    if (state !== "granted") continue;
    try {
      return announcerOf(Deno.dlopen(path, SYMBOLS));
    } catch {
      // Not there: another one, or none.
    }
  }
  return undefined;
}

function announcerOf(
  libc: Deno.DynamicLibrary<typeof SYMBOLS>,
): ReadAnnouncer {
  const { posix_fadvise: advise } = libc.symbols;
  return {
    announce(descriptor, offset, length): void {
      // Advice: what it returns changes nothing.
      advise(descriptor, BigInt(offset), BigInt(length), POSIX_FADV_WILLNEED);
    },
    close: () => libc.close(),
  };
}
