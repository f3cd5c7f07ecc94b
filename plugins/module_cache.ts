/**
 * A folder of modules by hash, so that a restart needs no network. What it
 * gives out has been hashed again: a damaged file is no module.
 *
 * @module
 */

import { sha256Hex } from "./pin.ts";

/** Modules by the SHA-256 of their bytes. */
export class ModuleCache {
  readonly #path: string;

  /** Uses a folder, which is made when something is kept. */
  constructor(path: string) {
    this.#path = path;
  }

  /** The bytes with this hash; null where they are not, or not any more. */
  async get(sha256: string): Promise<Uint8Array<ArrayBuffer> | null> {
    try {
      const bytes = await Deno.readFile(`${this.#path}/${sha256}`);
      return await sha256Hex(bytes) === sha256 ? bytes : null;
    } catch {
      // Whatever keeps it from being read, it can be fetched.
      return null;
    }
  }

  /** Keeps bytes whose hash is known. Rejects if the folder takes none. */
  async put(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await Deno.mkdir(this.#path, { recursive: true, mode: 0o700 });
    const temporary = await Deno.makeTempFile({ dir: this.#path });
    try {
      await Deno.writeFile(temporary, bytes);
      await Deno.rename(temporary, `${this.#path}/${sha256}`);
    } catch (error) {
      await Deno.remove(temporary).catch(() => undefined);
      throw error;
    }
  }
}
