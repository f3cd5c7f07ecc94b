/**
 * Pins: the SHA-256 of a module's bytes, by which an operator says which code
 * may run.
 *
 * @module
 */

import { BlobError } from "../blobstores/blob_store.ts";

/** A plugin's place in the configuration. */
export interface PluginReference {
  /** The URL scheme that it is to serve. */
  readonly scheme: string;
  /** Its module: a path, a `file:`, `https:` or `http:` URL, or `npm:NAME@VERSION`. */
  readonly module: string;
  /**
   * SHA-256 of its bytes, 64 lower-case hexadecimal digits; absent for a package,
   * which a lock file pins.
   */
  readonly sha256?: string;
}

const HASH = /^[0-9a-f]{64}$/i;

/** SHA-256 as 64 lower-case hexadecimal digits. */
export async function sha256Hex(
  bytes: Uint8Array<ArrayBuffer>,
): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(digest).toHex();
}

/** A hash as written by an operator, in lower case; null if it is none. */
export function parseSha256(text: string): string | null {
  return HASH.test(text) ? text.toLowerCase() : null;
}

/** The line of the table `[plugins]` that allows a module. */
export function pinLine(reference: PluginReference): string {
  const { scheme, module, sha256 } = reference;
  const pin = sha256 === undefined ? "" : `, sha256 = "${sha256}"`;
  // JSON's strings are TOML's basic strings, but for DEL, which no address has.
  return `${tomlKey(scheme)} = { module = ${JSON.stringify(module)}${pin} }`;
}

/** The same for the command line. */
export function pinFlag(reference: PluginReference): string {
  const { scheme, module, sha256 } = reference;
  const pin = sha256 === undefined ? "" : `#sha256=${sha256}`;
  const word = `${scheme}=${module}${pin}`;
  return `--plugin '${word.replaceAll("'", `'\\''`)}'`;
}

/** A key of a TOML table: a scheme may have a dot or a plus. */
export function tomlKey(scheme: string): string {
  return /^[a-z0-9-]+$/.test(scheme) ? scheme : JSON.stringify(scheme);
}

/** Throws `InvalidConfig` for a package with a hash, which nothing would look at. */
export function refuseHash({ module, sha256 }: PluginReference): void {
  if (sha256 === undefined) return;
  throw new BlobError(
    `Cannot use the plugin ${module}: a package is pinned by the lock file of ` +
      `this program, not by a SHA-256 of one file. Leave out the hash`,
    { code: "InvalidConfig" },
  );
}

/** Throws `InvalidConfig` unless the bytes found are those allowed. */
export function checkPin(reference: PluginReference, found: string): void {
  const { scheme, module, sha256 } = reference;
  if (sha256 === found) return;
  if (sha256 === undefined) {
    const pinned = { scheme, module, sha256: found };
    throw new BlobError(
      `Cannot use the plugin ${module}: nothing says which bytes of it may ` +
        `run. If those it has now are the ones you want, write into the ` +
        `configuration\n\n[plugins]\n${pinLine(pinned)}\n\nor add to the ` +
        `command\n\n${pinFlag(pinned)}\n`,
      { code: "InvalidConfig" },
    );
  }
  throw new BlobError(
    `Cannot use the plugin ${module}: its bytes have changed. The pin is ` +
      `SHA-256 ${sha256}, and it has ${found}. If that is an update you want, ` +
      `look at it with plugin add and change the pin`,
    { code: "InvalidConfig" },
  );
}
