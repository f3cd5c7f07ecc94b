/**
 * The registry that an operator's configuration makes: the built-in plugins,
 * and those it names.
 *
 * @module
 */

import { BlobError } from "../blobstores/blob_store.ts";
import type { PluginSettings } from "../blobstores/plugin.ts";
import { PluginLoader, type PluginLoaderOptions } from "./loader.ts";
import type { PluginReference } from "./pin.ts";
import {
  BUILT_IN_PLUGINS,
  PluginRegistry,
  type PluginSource,
} from "./registry.ts";

/** An entry of the configuration's table of plugins. Can be structured-cloned. */
export interface PluginEntry {
  /** The URL scheme it is for. */
  readonly scheme: string;
  /** The module that serves it; absent for options of a built-in plugin. */
  readonly module?: string;
  /** SHA-256 of the module's bytes. */
  readonly sha256?: string;
  /** Its options. */
  readonly settings?: PluginSettings;
}

/**
 * The registry for these entries. Nothing is loaded yet. Throws
 * `InvalidConfig` for a scheme that two plugins would serve.
 */
export function configuredRegistry(
  entries: readonly PluginEntry[],
  options: PluginLoaderOptions = {},
): PluginRegistry {
  const loader = new PluginLoader(options);
  const registry = new PluginRegistry(
    BUILT_IN_PLUGINS.map((source) => withSettings(source, entries)),
  );
  for (const entry of entries) {
    const reference = referenceOf(entry);
    if (reference !== undefined) registry.register(sourceOf(reference));
    else if (!registry.schemes.includes(entry.scheme)) throw noModule(entry);
  }
  return registry;

  function sourceOf(reference: PluginReference & PluginEntry): PluginSource {
    const { scheme, module, settings } = reference;
    return {
      name: module,
      schemes: [scheme],
      guarded: true,
      ...(settings === undefined ? {} : { settings }),
      load: () => loader.load(reference),
    };
  }
}

/** The entry, if it names a module. */
export function referenceOf(
  entry: PluginEntry,
): (PluginReference & PluginEntry) | undefined {
  const { module } = entry;
  return module === undefined ? undefined : { ...entry, module };
}

/** A built-in plugin with the options for its scheme. */
function withSettings(
  source: PluginSource,
  entries: readonly PluginEntry[],
): PluginSource {
  const entry = entries.find(({ scheme, module }) =>
    module === undefined && source.schemes.includes(scheme)
  );
  return entry?.settings === undefined
    ? source
    : { ...source, settings: entry.settings };
}

function noModule({ scheme }: PluginEntry): BlobError {
  return new BlobError(
    `Cannot use the options for ${scheme}: URLs: no built-in plugin serves ` +
      `them. Say which module does: plugin add MODULE prints the line`,
    { code: "InvalidConfig" },
  );
}
