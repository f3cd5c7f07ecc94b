/**
 * Looks at what a plugin hands over before anything relies on it: a plugin may
 * be older, newer, or plain JavaScript that no type checker has seen.
 *
 * @module
 */

import { BlobError, type BlobStore } from "../blobstores/blob_store.ts";
import {
  type BlobStorePlugin,
  PLUGIN_API_VERSION,
} from "../blobstores/plugin.ts";
import { optionsFault } from "./settings.ts";

const STORE_FUNCTIONS = ["put", "get", "head", "list", "close"];

/** Whom to name in an error. */
export interface PluginOrigin {
  /** The source's name. */
  readonly name: string;
  /** The scheme it was loaded for. */
  readonly scheme: string;
}

/** The plugin in a loaded module. Throws `InvalidConfig` if there is none. */
export function checkPlugin(
  module: unknown,
  origin: PluginOrigin,
): BlobStorePlugin {
  const plugin = memberOf(module, "default");
  if (typeof plugin !== "object" || plugin === null) {
    throw refused(origin, "its module has no default export that is an object");
  }
  const version = memberOf(plugin, "apiVersion");
  if (version !== PLUGIN_API_VERSION) {
    throw refused(origin, versionFault(version));
  }
  if (typeof memberOf(plugin, "open") !== "function") {
    throw refused(origin, "it has no function `open`");
  }
  const schemes = memberOf(plugin, "schemes");
  if (!Array.isArray(schemes) || !schemes.includes(origin.scheme)) {
    throw refused(
      origin,
      `its \`schemes\` are ${JSON.stringify(schemes) ?? "missing"}`,
    );
  }
  const fault = optionsFault(memberOf(plugin, "options"));
  if (fault !== null) throw refused(origin, fault);
  return plugin as BlobStorePlugin;
}

/** The store that a plugin opened. Throws `InvalidConfig` if it is none. */
export function checkStore(store: unknown, origin: PluginOrigin): BlobStore {
  const missing = STORE_FUNCTIONS.filter((name) =>
    typeof memberOf(store, name) !== "function"
  );
  const capabilities = memberOf(store, "capabilities");
  if (!areCapabilities(capabilities)) missing.push("capabilities");
  if (typeof memberOf(store, "display") !== "string") missing.push("display");
  const holds = memberOf(capabilities, "hold") === true;
  if (holds && typeof memberOf(store, "hold") !== "function") {
    missing.push("hold");
  }
  if (missing.length === 0) return store as BlobStore;
  throw refused(origin, `the store it opened lacks ${missing.join(", ")}`);
}

function areCapabilities(value: unknown): boolean {
  const concurrencyMax = memberOf(value, "concurrencyMax");
  return typeof memberOf(value, "createExclusive") === "boolean" &&
    typeof memberOf(value, "hold") === "boolean" &&
    Number.isSafeInteger(concurrencyMax) && (concurrencyMax as number) >= 1;
}

function versionFault(version: unknown): string {
  if (typeof version !== "number") return "it has no number `apiVersion`";
  const newer = version > PLUGIN_API_VERSION;
  return `it was written for plugin API ${version}, and this server has ` +
    `${PLUGIN_API_VERSION}. Update ${newer ? "the server" : "the plugin"}`;
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return (value as Record<string, unknown>)[name];
}

function refused({ name, scheme }: PluginOrigin, reason: string): BlobError {
  return new BlobError(`Cannot use ${name} for ${scheme}: URLs: ${reason}`, {
    code: "InvalidConfig",
  });
}
