/**
 * Where the bytes of a plugin's module come from: a file, or a web server.
 * Nothing here runs them.
 *
 * @module
 */

import { BlobError } from "../blobstores/blob_store.ts";
import { parseFileUrl } from "../blobstores/file_url.ts";
import { isPackage } from "./package_lock.ts";

/** Most bytes of a module. */
const MODULE_BYTES_MAX = 16 * 1024 * 1024;

/** How long fetching may take in all. */
const FETCH_TIMEOUT_MS = 30_000;

/** A module as it was read. */
export interface ModuleBytes {
  /** Its source. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The address that answered, where a redirect led away from the one asked. */
  readonly redirectedTo?: string;
}

/** Options of `readModule`. */
export interface ReadModuleOptions {
  /** How long fetching may take in all; 30 seconds when absent. */
  readonly timeoutMs?: number;
  /** Most bytes; 16 MiB when absent. */
  readonly bytesMax?: number;
}

/**
 * The address of a module in its one written form: `https:` and `http:` URLs as
 * they are, paths as `file:` URLs. Throws `InvalidConfig` for what cannot be
 * pinned by the hash of one file, and for an address with a password.
 */
export function moduleAddress(module: string): string {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]+):/.exec(module)?.[1]?.toLowerCase();
  switch (scheme) {
    case undefined:
      return fileAddress(module);
    case "file":
      return module;
    case "http":
    case "https":
      return webAddress(module);
    case "jsr":
      throw invalid(
        `Cannot use the plugin ${module}: a package is many files, which the ` +
          `hash of one does not pin. Make one module of it with ` +
          `deno bundle ${module} --output plugin.js, and use that file`,
      );
    default:
      throw invalid(
        `Cannot use a plugin from a ${scheme}: address: a module is a path, ` +
          `a file:, https: or http: URL, or npm:NAME@VERSION`,
      );
  }
}

/** True for a module on this machine, whose file is read every time. */
export function isLocalModule(address: string): boolean {
  return /^file:/i.test(address);
}

/** A module as it can be written into a configuration: a path becomes absolute. */
export function lastingModule(module: string): string {
  if (isPackage(module)) return module;
  const address = moduleAddress(module);
  return isLocalModule(address)
    ? parseFileUrl(address, () => Deno.cwd())
    : module;
}

/**
 * Reads the module at an address of `moduleAddress`. Rejects with `NotFound`,
 * `Timeout`, `Unavailable` or `InvalidConfig`.
 */
export async function readModule(
  address: string,
  options: ReadModuleOptions = {},
): Promise<ModuleBytes> {
  const { timeoutMs = FETCH_TIMEOUT_MS, bytesMax = MODULE_BYTES_MAX } = options;
  if (isLocalModule(address)) return await readFile(address, bytesMax);
  return await fetchModule(address, { timeoutMs, bytesMax });
}

async function readFile(
  address: string,
  bytesMax: number,
): Promise<ModuleBytes> {
  const path = parseFileUrl(address, () => Deno.cwd());
  try {
    const { size } = await Deno.stat(path);
    if (size > bytesMax) throw tooLarge(address, bytesMax);
    return { bytes: await Deno.readFile(path) };
  } catch (cause) {
    if (cause instanceof BlobError) throw cause;
    throw new BlobError(
      `Cannot read the plugin ${address}: ${messageOf(cause)}`,
      { code: "InvalidConfig", cause },
    );
  }
}

async function fetchModule(
  address: string,
  { timeoutMs, bytesMax }: Required<ReadModuleOptions>,
): Promise<ModuleBytes> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(address, { signal });
    if (!response.ok) {
      await response.body?.cancel();
      throw unavailable(address, `HTTP ${response.status}`);
    }
    const bytes = await limitedBody(response, address, bytesMax);
    return response.redirected ? { bytes, redirectedTo: response.url } : {
      bytes,
    };
  } catch (cause) {
    if (cause instanceof BlobError) throw cause;
    if (signal.aborted) {
      throw new BlobError(
        `Cannot fetch the plugin ${address}: not all of it came within ` +
          `${timeoutMs / 1000} s`,
        { code: "Timeout", cause },
      );
    }
    throw unavailable(address, messageOf(cause), cause);
  }
}

/** The body, given up as soon as it is too large. */
async function limitedBody(
  response: Response,
  address: string,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > bytesMax) throw tooLarge(address, bytesMax);
    parts.push(part);
  }
  return await new Blob(parts).bytes();
}

function fileAddress(path: string): string {
  return `file:${
    path.replace(/[%?#\s\p{Cc}]/gu, (mark) => encodeURIComponent(mark))
  }`;
}

function webAddress(module: string): string {
  if (!URL.canParse(module)) {
    throw invalid(`Cannot use the plugin ${JSON.stringify(module)}: no URL`);
  }
  const { username, password, host } = new URL(module);
  if (username !== "" || password !== "") {
    throw invalid(
      `Cannot use a plugin from ${host} with a name and password in its URL: ` +
        `its address is shown in messages. Download it, and use the file`,
    );
  }
  return module;
}

function unavailable(
  address: string,
  found: string,
  cause?: unknown,
): BlobError {
  return new BlobError(`Cannot fetch the plugin ${address}: ${found}`, {
    code: "Unavailable",
    cause,
  });
}

function tooLarge(address: string, bytesMax: number): BlobError {
  return invalid(
    `Cannot use the plugin ${address}: it has more than ${bytesMax} bytes, ` +
      `the most that a module may have`,
  );
}

function invalid(message: string): BlobError {
  return new BlobError(message, { code: "InvalidConfig" });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
