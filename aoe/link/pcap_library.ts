/**
 * Loads libpcap. This is the one file of the link that loads C.
 *
 * @module
 */

import * as failure from "./pcap_error.ts";
import { SYMBOLS, type Symbols } from "./pcap_symbols.ts";

/** Where distributions keep libpcap: Debian's name first, then the others'. */
const LIBRARY_PATHS: readonly string[] = [
  `/usr/lib/${Deno.build.arch}-linux-gnu/libpcap.so.0.8`,
  `/usr/lib/${Deno.build.arch}-linux-gnu/libpcap.so.1`,
  "/usr/lib64/libpcap.so.1",
  "/usr/lib/libpcap.so.1",
];

/** libpcap, and what of the C library is called beside it. */
export type PcapLibrary = Deno.DynamicLibrary<Symbols>;

/** How to find libpcap. */
export interface PcapLibraryOptions {
  /** Absolute path of libpcap, instead of the places it usually has. */
  readonly libraryPath?: string;
}

/**
 * Loads libpcap; whoever asked closes it.
 *
 * @throws {LinkError} `library` or `ffi-permission`.
 */
export function openPcapLibrary(
  { libraryPath }: PcapLibraryOptions,
): PcapLibrary {
  const paths = libraryPath === undefined ? LIBRARY_PATHS : [libraryPath];
  // Those that are granted come first, so that none of the others asks.
  const granted = paths.filter((path) =>
    Deno.permissions.querySync({ name: "ffi", path }).state === "granted"
  );
  let cause: unknown;
  for (const path of granted.length > 0 ? granted : paths) {
    try {
      return Deno.dlopen(path, SYMBOLS);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) {
        throw failure.ffiNotPermitted(paths, error);
      }
      cause = error;
    }
  }
  throw failure.pcapMissing(paths, cause);
}
