/**
 * Imports bytes as a module: those bytes, and no other code.
 *
 * The bytes become a `blob:` URL, so that what was hashed is what runs, under
 * `deno run` and in a compiled binary alike, without permission to import or
 * read. A hook on the resolution of modules refuses all that a plugin imports
 * but Deno's own `node:` modules, also when it does so later: the hash would
 * not cover it.
 *
 * @module
 */

import { registerHooks, type ResolveHookSync } from "node:module";
import { BlobError } from "../blobstores/blob_store.ts";
import { within } from "./within.ts";

/** How long a module may take to start. */
const IMPORT_TIMEOUT_MS = 30_000;

/** What Deno says of imports that it refuses before the hook is asked. */
const IMPORT_FAULTS =
  /imports? |relative URL|import access|JSR package|not a dependency|Module not found/;

/** Names of the imported modules, by their `blob:` URLs. */
const names = new Map<string, string>();

/** Options of `importBytes`. */
export interface ImportBytesOptions {
  /** The module's name in messages. */
  readonly name: string;
  /** How long it may take to start; 30 seconds when absent. */
  readonly timeoutMs?: number;
}

/** Imports a module of TypeScript or JavaScript. Rejects with `InvalidConfig`. */
export async function importBytes(
  bytes: Uint8Array<ArrayBuffer>,
  { name, timeoutMs = IMPORT_TIMEOUT_MS }: ImportBytesOptions,
): Promise<unknown> {
  if (names.size === 0) registerHooks({ resolve: resolveForPlugin });
  const blob = new Blob([bytes], { type: "application/typescript" });
  const url = URL.createObjectURL(blob);
  names.set(url, name);
  try {
    return await within(
      timeoutMs,
      import(url),
      () => refused(name, `it has not started after ${timeoutMs / 1000} s`),
    );
  } catch (cause) {
    if (cause instanceof BlobError) throw cause;
    const found = cause instanceof Error ? cause.message : String(cause);
    throw refused(name, explain(found), cause);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Refuses a plugin's imports; leaves all others alone. */
const resolveForPlugin: ResolveHookSync = (specifier, context, next) => {
  const name = names.get(context.parentURL ?? "");
  if (name !== undefined && !specifier.startsWith("node:")) {
    throw new Error(`it imports ${JSON.stringify(specifier)}`);
  }
  return next(specifier, context);
};

/** An import's failure with what to do about it; Deno's codes for colours and places are left out. */
function explain(found: string): string {
  // deno-lint-ignore no-control-regex -- what a terminal takes for colours
  const plain = found.replace(/\x1b\[[0-9;]*m/g, "")
    .replace(/\n\s+at blob:\S*/g, "")
    .replace(/^(TypeError: )?Error: /, "");
  if (!IMPORT_FAULTS.test(plain)) return plain;
  return `${plain}. A plugin is one self-contained module, because its hash ` +
    `covers nothing else: only node: modules can be imported. Its author can ` +
    `make one of many with deno bundle`;
}

function refused(name: string, reason: string, cause?: unknown): BlobError {
  return new BlobError(`Cannot load the plugin ${name}: ${reason}`, {
    code: "InvalidConfig",
    cause,
  });
}
