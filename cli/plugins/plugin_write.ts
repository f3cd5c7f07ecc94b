/**
 * Writes the pins of a plugin into a configuration file: behind everything
 * that is there, which stays as it is.
 *
 * @module
 */

import { type PluginReference, tomlKey } from "../../plugins/pin.ts";
import { configText, parseConfig } from "../options/serve_options.ts";
import { UsageError } from "../usage_error.ts";

/**
 * Adds plugins to the file at `path`, making it if it is missing. Throws a
 * `UsageError`, changing nothing, if a scheme has a plugin already or the file
 * would not be read as meant.
 */
export function writePins(
  path: string,
  references: readonly PluginReference[],
): void {
  const before = textOf(path);
  const known = parseConfig(path, before).plugins ?? [];
  for (const { scheme } of references) {
    if (!known.some((entry) => entry.scheme === scheme)) continue;
    throw new UsageError(
      `Cannot add to ${path}: it has a plugin for ${scheme}: URLs already; change its entry there by hand`,
    );
  }
  const gap = before === "" || before.endsWith("\n") ? "" : "\n";
  const tables = references.map(tableOf).join("");
  const after = `${before}${gap}${tables}`;
  const found = parseConfig(path, after).plugins ?? [];
  if (found.length !== known.length + references.length) {
    throw new UsageError(`Cannot add to ${path}: write the lines by hand`);
  }
  replaceFile(path, after);
}

function tableOf(
  { scheme, module, sha256 }: PluginReference,
): string {
  const pin = sha256 === undefined ? "" : `sha256 = "${sha256}"\n`;
  return `
[plugins.${tomlKey(scheme)}]
module = ${JSON.stringify(module)}
${pin}`;
}

function textOf(path: string): string {
  try {
    Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
  return configText(path);
}

/** The old text or the new one is there, whatever happens; it keeps its mode. */
function replaceFile(path: string, text: string): void {
  const target = existing(path);
  const temporary = `${target?.path ?? path}.new`;
  Deno.writeTextFileSync(temporary, text, { mode: target?.mode ?? 0o600 });
  try {
    const file = Deno.openSync(temporary, { write: true });
    file.syncSync();
    file.close();
    Deno.renameSync(temporary, target?.path ?? path);
  } catch (error) {
    Deno.removeSync(temporary);
    throw error;
  }
}

/** Where a file is, behind links, and its permission bits. */
function existing(
  path: string,
): { readonly path: string; readonly mode: number } | undefined {
  try {
    const real = Deno.realPathSync(path);
    return { path: real, mode: (Deno.statSync(real).mode ?? 0o600) & 0o777 };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
