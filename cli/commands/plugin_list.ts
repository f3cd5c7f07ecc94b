/**
 * `plugin list`.
 *
 * @module
 */

import { configuredRegistry } from "../../plugins/configured.ts";
import { isLocalModule, moduleAddress } from "../../plugins/module_bytes.ts";
import { ModuleCache } from "../../plugins/module_cache.ts";
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
      const kept = module === undefined || isLocalModule(moduleAddress(module))
        ? undefined
        : await cache?.get(sha256 ?? "");
      const cached = kept instanceof Uint8Array;
      const pin = module === undefined
        ? ""
        : sha256 === undefined
        ? ", not pinned: it will be refused"
        : `, SHA-256 ${sha256}${cached ? ", in the cache" : ""}`;
      output.line(`${scheme}:  ${name}${pin}`);
      output.result({
        scheme,
        builtIn: module === undefined,
        ...(module === undefined ? {} : { module, cached }),
        ...(sha256 === undefined ? {} : { sha256 }),
        // Names alone: values may be secrets.
        options: Object.keys(entry?.settings ?? {}),
      });
    }
    return ExitStatus.Done;
  },
});
