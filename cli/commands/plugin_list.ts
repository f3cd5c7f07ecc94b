/**
 * `plugin list`.
 *
 * @module
 */

import { blobErrorCode } from "../../blobstores/blob_store.ts";
import { configuredRegistry } from "../../plugins/configured.ts";
import { isLocalModule, moduleAddress } from "../../plugins/module_bytes.ts";
import { ModuleCache } from "../../plugins/module_cache.ts";
import { isPackage } from "../../plugins/package_lock.ts";
import { requirePinned } from "../../plugins/package_module.ts";
import { type Command, defineCommand } from "../command.ts";
import { ExitStatus } from "../exit_status.ts";
import { PLUGIN_OPTIONS, pluginChoice } from "../plugins/plugin_choice.ts";
import { loaderOptions } from "../plugins/plugin_registry.ts";

/** Lists what serves which scheme; loads nothing. */
export const pluginListCommand: Command = defineCommand({
  words: ["plugin", "list"],
  usage: "[--config FILE] [--plugin SCHEME=MODULE#sha256=HASH] [--json]",
  summary: "List the URL schemes of stores, and which plugin serves each.",
  options: PLUGIN_OPTIONS,
  positionalCountMax: 0,
  async run({ values, output }): Promise<number> {
    const entries = pluginChoice(values);
    const registry = configuredRegistry(entries);
    const { cachePath } = loaderOptions(entries, () => {});
    const cache = cachePath === undefined
      ? undefined
      : new ModuleCache(cachePath);
    for (const scheme of registry.schemes) {
      const entry = entries.find((entry) => entry.scheme === scheme);
      const { name } = registry.find(`${scheme}:`);
      const { module, sha256 } = entry ?? {};
      const pin = module === undefined
        ? {}
        : isPackage(module)
        ? packagePin(module)
        : { sha256, cached: await isCached(module, sha256, cache) };
      output.line(
        `${scheme}:  ${name}${module === undefined ? "" : told(pin)}`,
      );
      output.result({
        scheme,
        builtIn: module === undefined,
        ...(module === undefined ? {} : { module }),
        ...pin,
        // Names alone: values may be secrets.
        options: Object.keys(entry?.settings ?? {}),
      });
    }
    return ExitStatus.Done;
  },
});

/** What holds a plugin to what was allowed; empty where nothing does. */
interface ShownPin {
  readonly sha256?: string | undefined;
  /** Its bytes are kept here. */
  readonly cached?: boolean;
  /** Of a package: its hash in the lock file. */
  readonly integrity?: string;
}

async function isCached(
  module: string,
  sha256: string | undefined,
  cache: ModuleCache | undefined,
): Promise<boolean> {
  if (isLocalModule(moduleAddress(module))) return false;
  return await cache?.get(sha256 ?? "") instanceof Uint8Array;
}

function packagePin(module: string): ShownPin {
  try {
    return { integrity: requirePinned(module).integrity };
  } catch (error) {
    if (blobErrorCode(error) !== "InvalidConfig") throw error;
    return {};
  }
}

function told({ sha256, integrity, cached = false }: ShownPin): string {
  if (integrity !== undefined) return `, ${integrity} in the lock file`;
  return sha256 === undefined
    ? ", not pinned: it will be refused"
    : `, SHA-256 ${sha256}${cached ? ", in the cache" : ""}`;
}
