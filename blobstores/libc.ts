/**
 * The system's C library, for the few calls that Deno has not: on Linux, where
 * native calls are allowed. Nothing here asks the user for that.
 *
 * @module
 */

/** Absolute, because a scoped `--allow-ffi` takes a bare name for a file in the working directory. */
const LIBC_PATHS: readonly string[] = [
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/lib/aarch64-linux-gnu/libc.so.6",
  "/lib64/libc.so.6",
];

/** The library with these symbols, to be closed; undefined where there is none, or it may not be called. */
export function openLibc<const Symbols extends Deno.ForeignLibraryInterface>(
  symbols: Symbols,
): Deno.DynamicLibrary<Symbols> | undefined {
  if (Deno.build.os !== "linux") return undefined;
  for (const path of LIBC_PATHS) {
    const { state } = Deno.permissions.querySync({ name: "ffi", path });
    if (state !== "granted") continue;
    try {
      return Deno.dlopen(path, symbols);
    } catch {
      // Not there: another one, or none.
    }
  }
  return undefined;
}
