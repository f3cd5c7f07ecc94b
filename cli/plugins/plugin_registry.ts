/**
 * The plugins of this process: those that the operator allowed, with the place
 * where their modules are kept.
 *
 * @module
 */

import type { EventSink } from "../../cas/events.ts";
import {
  configuredRegistry,
  type PluginEntry,
} from "../../plugins/configured.ts";
import type { PluginLoaderOptions } from "../../plugins/loader.ts";
import type { PluginRegistry } from "../../plugins/registry.ts";

/** The registry for these plugins; events tell what nothing fails for. */
export function pluginRegistry(
  plugins: readonly PluginEntry[] | undefined,
  onEvent: EventSink = () => {},
): PluginRegistry {
  return configuredRegistry(plugins ?? [], loaderOptions(plugins, onEvent));
}

/** How the modules of these plugins are loaded. */
export function loaderOptions(
  plugins: readonly PluginEntry[] | undefined,
  onEvent: EventSink,
): PluginLoaderOptions {
  const fetched = plugins?.some(({ module }) =>
    module !== undefined && /^https?:/i.test(module)
  );
  // The environment is asked only where it matters: that needs a permission.
  const cachePath = fetched ? pluginCachePath() : undefined;
  return {
    report: (message) =>
      onEvent({ event: "plugin-note", severity: "strange", message }),
    ...(cachePath === undefined ? {} : { cachePath }),
  };
}

/** The folder of modules by hash; undefined where the environment names none. */
export function pluginCachePath(
  variable: (name: string) => string | undefined = permittedVariable,
): string | undefined {
  // systemd sets the first one for a unit with CacheDirectory=.
  const service = variable("CACHE_DIRECTORY");
  if (service?.startsWith("/")) return `${service.split(":")[0]}/plugins`;
  const cache = variable("XDG_CACHE_HOME");
  if (cache?.startsWith("/")) return `${cache}/deepshelf/plugins`;
  const home = variable("HOME");
  return home?.startsWith("/") ? `${home}/.cache/deepshelf/plugins` : undefined;
}

/** A variable of the environment, if it may be read without asking the user. */
function permittedVariable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
}
