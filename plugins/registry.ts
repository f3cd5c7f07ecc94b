/**
 * Which plugin serves which URL scheme. A plugin's module is loaded when a URL
 * with one of its schemes is opened, not before.
 *
 * @module
 */

import { BlobError, type BlobStore } from "../blobstores/blob_store.ts";
import type { PluginSettings } from "../blobstores/plugin.ts";
import { shownUrl } from "../blobstores/shown_url.ts";
import { checkPlugin, checkStore } from "./contract.ts";
import { nearestWord } from "./nearest.ts";
import { openGuarded } from "./open_guarded.ts";
import { checkSettings } from "./settings.ts";

const SCHEME = /^[a-z][a-z0-9+.-]*$/;

/** A plugin that can be loaded. */
export interface PluginSource {
  /** Where it comes from, for messages: a path, or a URL without secrets. */
  readonly name: string;
  /** The URL schemes to use it for: lower case, without ":". */
  readonly schemes: readonly string[];
  /** It did not come with the server: what its stores answer is checked. */
  readonly guarded?: boolean;
  /** The operator's options for it. */
  readonly settings?: PluginSettings;
  /**
   * Loads the module, whose default export is a `BlobStorePlugin`. Called once
   * for every opened store; a source that fetches and verifies keeps what it
   * has imported.
   */
  load(): Promise<unknown>;
}

/** The plugins that come with the server. */
export const BUILT_IN_PLUGINS: readonly PluginSource[] = [
  {
    name: "the built-in file store",
    schemes: ["file"],
    load: () => import("../blobstores/file_plugin.ts"),
  },
  {
    name: "the built-in memory store",
    schemes: ["memory"],
    load: () => import("../blobstores/memory_plugin.ts"),
  },
  {
    name: "the built-in S3 store",
    schemes: ["s3"],
    load: () => import("../blobstores/s3_plugin.ts"),
  },
  {
    name: "the built-in Azure store",
    schemes: ["azure"],
    load: () => import("../blobstores/azure_plugin.ts"),
  },
  {
    name: "the built-in mirror",
    schemes: ["mirror"],
    load: () => import("../blobstores/mirror_plugin.ts"),
  },
  {
    name: "the built-in web store",
    schemes: ["http", "https"],
    load: () => import("../blobstores/http_plugin.ts"),
  },
];

/** Plugins by URL scheme. */
export class PluginRegistry {
  readonly #sources = new Map<string, PluginSource>();

  /** Makes a registry of these plugins. */
  constructor(sources: Iterable<PluginSource> = BUILT_IN_PLUGINS) {
    for (const source of sources) this.register(source);
  }

  /** The known schemes, in order. */
  get schemes(): string[] {
    return [...this.#sources.keys()].sort();
  }

  /**
   * Adds a plugin. Throws `InvalidConfig`, adding nothing, if one of its
   * schemes is taken or is no scheme.
   */
  register(source: PluginSource): void {
    if (source.schemes.length === 0) {
      throw invalid(`Cannot use ${source.name}: it is given no URL scheme`);
    }
    for (const scheme of source.schemes) this.#checkFree(scheme, source);
    for (const scheme of source.schemes) this.#sources.set(scheme, source);
  }

  /**
   * The plugin for a URL's scheme, not loaded yet. Throws `InvalidConfig` if
   * there is none.
   */
  find(url: string): PluginSource {
    const scheme = schemeOf(url);
    const source = this.#sources.get(scheme);
    if (source === undefined) throw this.#unknown(scheme);
    return source;
  }

  #checkFree(scheme: string, source: PluginSource): void {
    if (!SCHEME.test(scheme)) {
      throw invalid(
        `Cannot use ${source.name} for ${JSON.stringify(scheme)}: a URL ` +
          `scheme is a lower case letter and then a-z, 0-9, "+", "." and "-"`,
      );
    }
    const other = this.#sources.get(scheme);
    const twice = source.schemes.filter((name) => name === scheme).length > 1;
    if (other === undefined && !twice) return;
    throw invalid(
      `Cannot use ${source.name} for ${scheme}: URLs: ` +
        `${(other ?? source).name} serves them already. Give one of them ` +
        `another scheme`,
    );
  }

  #unknown(scheme: string): BlobError {
    const nearest = nearestWord(scheme, this.#sources.keys());
    const known = this.schemes.map((name) => `${name}:`).join(", ");
    const hint = nearest === null ? "" : `. Did you mean ${nearest}: ?`;
    return invalid(
      `Cannot open a ${scheme}: store: no plugin serves that scheme. ` +
        `Known schemes: ${known}${hint}`,
    );
  }
}

/** Options of `openStore`. */
export interface OpenStoreOptions {
  /** Make the place if it is missing; false when absent. */
  readonly create?: boolean;
  /** Gives up opening. */
  readonly signal?: AbortSignal;
  /** The plugins to choose from; the built-in ones when absent. */
  readonly registry?: PluginRegistry;
  /** Takes what an operator should know and nothing fails for. */
  readonly report?: (message: string) => void;
}

/**
 * Opens the store that a URL names. Rejects with `InvalidConfig` for a URL
 * that no plugin serves or a plugin that does not keep the contract, and with
 * whatever the plugin reports.
 */
export async function openStore(
  url: string,
  options: OpenStoreOptions = {},
): Promise<BlobStore> {
  const { create = false, signal, registry = new PluginRegistry() } = options;
  const source = registry.find(url);
  const origin = { name: source.name, scheme: schemeOf(url) };
  const plugin = checkPlugin(await loadModule(source), origin);
  const { settings = {}, guarded = false } = source;
  checkSettings(settings, plugin.options ?? [], source.name);
  const context = signal === undefined ? {} : { signal };
  if (guarded) {
    return await openGuarded(plugin, origin, {
      url,
      create,
      settings,
      ...context,
    });
  }
  const { report } = options;
  const store: unknown = await plugin.open(url, { create, settings }, {
    ...context,
    ...(report === undefined ? {} : { report }),
    // Opened again and again, long after this opening was given up or done.
    openStore: (url, { create }) => openStore(url, { create, registry }),
  });
  return checkStore(store, origin);
}

async function loadModule(source: PluginSource): Promise<unknown> {
  try {
    return await source.load();
  } catch (cause) {
    if (cause instanceof BlobError) throw cause;
    const found = cause instanceof Error ? cause.message : String(cause);
    throw invalid(`Cannot load ${source.name}: ${found}`, cause);
  }
}

/** A URL's scheme. Never shows the URL whole: it may hold a secret. */
function schemeOf(url: string): string {
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url);
  const scheme = match?.[1];
  if (scheme !== undefined && scheme.length > 1) return scheme.toLowerCase();
  const shown = shownUrl(url);
  throw invalid(
    `Cannot open the store ${
      JSON.stringify(shown)
    }: it does not begin with a ` +
      `URL scheme. For a folder, type file:${
        shown === "" ? "./archive" : shown
      }`,
  );
}

function invalid(message: string, cause?: unknown): BlobError {
  return new BlobError(message, { code: "InvalidConfig", cause });
}
