/**
 * Which plugins `plugin list` and `plugin verify` are about.
 *
 * @module
 */

import type { PluginEntry } from "../../plugins/configured.ts";
import type { OptionValues } from "../command.ts";
import { joinPlugins } from "./plugin_config.ts";
import { readConfigFile } from "../options/serve_options.ts";

/** Their options. */
export const PLUGIN_OPTIONS: {
  readonly config: { readonly type: "string" };
  readonly plugin: { readonly type: "string"; readonly multiple: true };
  readonly json: { readonly type: "boolean" };
} = {
  config: { type: "string" },
  plugin: { type: "string", multiple: true },
  json: { type: "boolean" },
};

/** The plugins of `--config` and `--plugin`. Throws a `UsageError`. */
export function pluginChoice(
  values: OptionValues<typeof PLUGIN_OPTIONS>,
): PluginEntry[] {
  const { config, plugin } = values;
  const file = config === undefined ? {} : readConfigFile(config);
  return joinPlugins(plugin, file.plugins);
}
