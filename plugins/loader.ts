/**
 * Loads plugins that do not come with the server: reads their bytes, compares
 * the hash with the operator's pin, and imports exactly those bytes. A package
 * of npm is left to Deno and its lock file.
 *
 * @module
 */

import { importBytes } from "./import_module.ts";
import {
  isLocalModule,
  moduleAddress,
  readModule,
  type ReadModuleOptions,
} from "./module_bytes.ts";
import { ModuleCache } from "./module_cache.ts";
import { isPackage } from "./package_lock.ts";
import { importPackage } from "./package_module.ts";
import {
  checkPin,
  type PluginReference,
  refuseHash,
  sha256Hex,
} from "./pin.ts";

/** Options of a `PluginLoader`. */
export interface PluginLoaderOptions extends ReadModuleOptions {
  /** Folder of modules by hash; without one they are fetched at every start. */
  readonly cachePath?: string;
  /** Takes what an operator should know and nothing fails for. */
  readonly report?: (message: string) => void;
  /** How long a module may take to start; 30 seconds when absent. */
  readonly importTimeoutMs?: number;
}

/**
 * Modules of this thread by hash. They were verified when they were imported,
 * and a module cannot be unloaded.
 */
const imported = new Map<string, Promise<unknown>>();

/** Loads plugins by pin. */
export class PluginLoader {
  readonly #options: PluginLoaderOptions;
  readonly #cache: ModuleCache | null;

  /** Makes a loader; nothing is read yet. */
  constructor(options: PluginLoaderOptions = {}) {
    this.#options = options;
    const { cachePath } = options;
    this.#cache = cachePath === undefined ? null : new ModuleCache(cachePath);
  }

  /**
   * The imported module. Rejects with `InvalidConfig` if nothing pins it, if
   * its bytes are not those that are pinned (in both cases without running
   * any of them), or if it fails to start.
   */
  async load(reference: PluginReference): Promise<unknown> {
    const { module } = reference;
    const { importTimeoutMs } = this.#options;
    if (isPackage(module)) {
      refuseHash(reference);
      return await importPackage(module, importTimeoutMs);
    }
    const address = moduleAddress(module);
    const known = imported.get(reference.sha256 ?? "");
    if (known !== undefined) return await known;
    const bytes = await this.#verified(reference, address);
    const loading = importBytes(bytes, {
      name: module,
      ...(importTimeoutMs === undefined ? {} : { timeoutMs: importTimeoutMs }),
    });
    // Only what is pinned comes here.
    const sha256 = reference.sha256!;
    imported.set(sha256, loading);
    try {
      return await loading;
    } catch (error) {
      imported.delete(sha256);
      throw error;
    }
  }

  async #verified(
    reference: PluginReference,
    address: string,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { module, sha256 } = reference;
    // A file that its owner changes must be refused, not served from a copy.
    const cache = isLocalModule(address) ? null : this.#cache;
    const kept = sha256 === undefined ? null : await cache?.get(sha256) ?? null;
    if (kept !== null) return kept;
    const { bytes, redirectedTo } = await readModule(address, this.#options);
    checkPin(reference, await sha256Hex(bytes));
    if (redirectedTo !== undefined) {
      this.#report(`The plugin ${module} was redirected to ${redirectedTo}`);
    }
    if (!isLocalModule(address)) await this.#keep(reference, bytes);
    return bytes;
  }

  async #keep(
    { module, sha256 }: PluginReference,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    let obstacle = "XDG_CACHE_HOME and HOME name no folder for a cache";
    try {
      if (this.#cache !== null) return await this.#cache.put(sha256!, bytes);
    } catch (error) {
      obstacle = (error as Error).message;
    }
    this.#report(
      `The plugin ${module} is not kept, so every start needs the network: ` +
        obstacle,
    );
  }

  #report(message: string): void {
    this.#options.report?.(message);
  }
}
