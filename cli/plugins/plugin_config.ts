/**
 * Which plugins an operator allows: the table `[plugins]` of a configuration
 * file, and `--plugin` on the command line.
 *
 * ```toml
 * [plugins]
 * webdav = { module = "https://example.org/webdav.ts", sha256 = "…" }
 * ```
 *
 * @module
 */

import type { PluginOptionValue } from "../../blobstores/plugin.ts";
import type { PluginEntry } from "../../plugins/configured.ts";
import { parseSha256 } from "../../plugins/pin.ts";
import {
  asString,
  asTable,
  refuseUnknownKeys,
} from "../options/config_values.ts";
import {
  followReferences,
  type ReferenceSources,
} from "../options/references.ts";
import { UsageError } from "../usage_error.ts";

const ENTRY_KEYS = ["module", "sha256", "options"];

const SCHEME = /^[a-z][a-z0-9+.-]*$/;

const FLAG = /^(?<scheme>[^=]*)=(?<module>.+?)(?:#sha256=(?<sha256>.*))?$/s;

/** Reads the table `plugins` of the configuration at `path`. Throws a `UsageError`. */
export function readPlugins(
  path: string,
  value: unknown,
  sources?: ReferenceSources,
): PluginEntry[] {
  const table = asTable(value, `"plugins" in ${path}`);
  return Object.entries(table).map(([scheme, entry]) =>
    readEntry(path, { scheme, entry }, sources)
  );
}

/** Reads `SCHEME=MODULE#sha256=HASH`. Throws a `UsageError`. */
function parsePluginFlag(text: string): PluginEntry {
  const { scheme = "", module = "", sha256 } = FLAG.exec(text)?.groups ?? {};
  if (!SCHEME.test(scheme)) {
    throw new UsageError(
      `Cannot read --plugin ${text}: write --plugin SCHEME=MODULE#sha256=HASH, as plugin add MODULE prints it`,
    );
  }
  return {
    scheme,
    module,
    ...(sha256 === undefined ? {} : { sha256: hash(sha256, "--plugin") }),
  };
}

/** What the command line says replaces what the file says of the same scheme. */
export function joinPlugins(
  flags: readonly string[] = [],
  fromFile: readonly PluginEntry[] = [],
): PluginEntry[] {
  const given = flags.map(parsePluginFlag);
  const kept = fromFile.filter(({ scheme }) =>
    !given.some((entry) => entry.scheme === scheme)
  );
  return [...kept, ...given];
}

function readEntry(
  path: string,
  { scheme, entry }: { readonly scheme: string; readonly entry: unknown },
  sources: ReferenceSources | undefined,
): PluginEntry {
  const where = `the plugin "${scheme}" in ${path}`;
  if (!SCHEME.test(scheme)) {
    throw new UsageError(
      `Cannot read ${where}: its key is the URL scheme that it serves: a lower case letter and then a-z, 0-9, "+", "." and "-"`,
    );
  }
  const table = asTable(entry, `"${scheme}" of "plugins" in ${path}`);
  refuseUnknownKeys(where, table, ENTRY_KEYS);
  const { module, sha256, options } = table;
  if (module === undefined && sha256 !== undefined) {
    throw new UsageError(`Cannot read ${where}: it has no "module"`);
  }
  return {
    scheme,
    ...(module === undefined
      ? {}
      : { module: asString(module, `"module" of ${where}`) }),
    ...(sha256 === undefined
      ? {}
      : { sha256: hash(asString(sha256, `"sha256" of ${where}`), where) }),
    ...(options === undefined
      ? {}
      : { settings: readSettings(options, where, sources) }),
  };
}

function readSettings(
  options: unknown,
  where: string,
  sources: ReferenceSources | undefined,
): Record<string, PluginOptionValue> {
  const table = asTable(options, `"options" of ${where}`);
  const settings: Record<string, PluginOptionValue> = {};
  for (const [name, value] of Object.entries(table)) {
    settings[name] = readSetting(value, `"${name}" of ${where}`, sources);
  }
  return settings;
}

function readSetting(
  value: unknown,
  where: string,
  sources: ReferenceSources | undefined,
): PluginOptionValue {
  switch (typeof value) {
    case "string":
      return followReferences(value, where, sources);
    case "number":
    case "boolean":
      return value;
    default:
      throw new UsageError(
        `${where} must be a string, a number, true or false`,
      );
  }
}

function hash(text: string, where: string): string {
  const parsed = parseSha256(text);
  if (parsed !== null) return parsed;
  throw new UsageError(
    `Cannot read ${where}: a SHA-256 is 64 hexadecimal digits, not ${
      JSON.stringify(text)
    }`,
  );
}
