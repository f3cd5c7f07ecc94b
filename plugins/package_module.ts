/**
 * Imports npm packages that the lock file of this program pins.
 *
 * Deno holds to that lock file also for what is imported while the program
 * runs: when the program starts it downloads all that is pinned, and compares
 * it with the hashes; what it has kept it does not look at again. What is not in the lock
 * file it would add unasked, and the lock file in force may be another one, or
 * none. So a package is imported only after three looks: the lock file beside
 * the program pins it with hashes, and Deno knows it without having imported it.
 *
 * @module
 */

import { BlobError } from "../blobstores/blob_store.ts";
import {
  isExactPackage,
  type LockedPackage,
  lockedPackage,
} from "./package_lock.ts";
import { within } from "./within.ts";

/** The folder of this program, with its lock file. */
const PROGRAM: URL = new URL("../", import.meta.url);

/** How long a package may take to start. */
const IMPORT_TIMEOUT_MS = 30_000;

/** A package that may be imported. */
export interface PinnedPackage extends LockedPackage {
  /** Where Deno keeps the package's module, or would keep it. */
  readonly entryUrl: string;
  /** The folder of the lock file that pins it. */
  readonly programPath: string;
}

/**
 * Finds out whether a package is pinned by a lock file that Deno holds to.
 * Imports nothing; throws `InvalidConfig` with what to type if it is not.
 */
export function requirePinned(module: string): PinnedPackage {
  if (!isExactPackage(module)) {
    throw refused(
      module,
      `a package is written npm:NAME@1.2.3, with the whole version and no path`,
    );
  }
  if (Deno.build.standalone || PROGRAM.protocol !== "file:") {
    throw refused(
      module,
      `this program has no lock file that Deno would hold to for what is ` +
        `imported while it runs. Make one module of the package with ` +
        `deno bundle ${module} --output plugin.js, and use that file`,
    );
  }
  const programPath = decodeURIComponent(PROGRAM.pathname).replace(/\/$/, "");
  const lockPath = `${programPath}/deno.lock`;
  const locked = lockedPackage(module, readLock(module, lockPath));
  if ("fault" in locked) {
    throw refused(
      module,
      `${lockPath} ${locked.fault}. To pin the package and all that it ` +
        `depends on as they are now, type\n\ncd ${shellWord(programPath)} && ` +
        `deno cache --frozen=false ${module}\n`,
    );
  }
  const entryUrl = resolved(module);
  if (!entryUrl.startsWith("file:")) {
    throw refused(
      module,
      `Deno does not hold to ${lockPath} in this process. Start it without ` +
        `--no-lock, --lock, --no-config and --config`,
    );
  }
  return { ...locked, entryUrl, programPath };
}

/** Imports a package. Rejects with `InvalidConfig` where it may not, or does not start. */
export async function importPackage(
  module: string,
  timeoutMs: number = IMPORT_TIMEOUT_MS,
): Promise<unknown> {
  requirePinned(module);
  try {
    return await within(
      timeoutMs,
      import(module),
      () =>
        refused(module, `it has not started after ${timeoutMs / 1000} seconds`),
    );
  } catch (cause) {
    if (cause instanceof BlobError) throw cause;
    const found = cause instanceof Error ? cause.message : String(cause);
    throw refused(module, found, cause);
  }
}

/** Where a package is, if Deno's lock file knows it; else the module as it is. */
function resolved(module: string): string {
  try {
    return import.meta.resolve(module);
  } catch (cause) {
    throw refused(module, (cause as Error).message, cause);
  }
}

function readLock(module: string, path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return "{}";
    throw refused(module, (cause as Error).message, cause);
  }
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function refused(module: string, reason: string, cause?: unknown): BlobError {
  return new BlobError(`Cannot use the plugin ${module}: ${reason}`, {
    code: "InvalidConfig",
    cause,
  });
}
