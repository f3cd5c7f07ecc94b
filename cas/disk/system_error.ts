/**
 * What the operating system says of a file, as a `DiskError`.
 *
 * @module
 */

import { DiskError } from "./disk.ts";

/** Runs something, making what it throws a `DiskError`; `tried` says what it was. */
export function attempt<T>(tried: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw toDiskError(error, tried);
  }
}

/** What a call threw, as a `DiskError`. */
export function toDiskError(error: unknown, tried: string): DiskError {
  const code = (error as { code?: unknown } | null)?.code;
  return new DiskError(
    typeof code === "string" ? code : String(error),
    tried,
    error,
  );
}
