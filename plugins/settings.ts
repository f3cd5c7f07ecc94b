/**
 * The options that an operator gives a plugin, against those it declares. No
 * message shows a value: it may be a secret in the wrong place.
 *
 * @module
 */

import { BlobError } from "../blobstores/blob_store.ts";
import type {
  PluginOption,
  PluginOptionValue,
  PluginSettings,
} from "../blobstores/plugin.ts";
import { nearestWord } from "./nearest.ts";

const NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;
const TYPES = ["string", "number", "boolean"];

/** Why a declaration of options is none, as half a sentence; null when it is one. */
export function optionsFault(options: unknown): string | null {
  if (options === undefined) return null;
  if (!Array.isArray(options)) return "its `options` are no array";
  const names = new Set<string>();
  for (const option of options as unknown[]) {
    const fault = optionFault(option);
    if (fault !== null) return fault;
    const { name } = option as PluginOption;
    if (names.has(name)) return `it declares the option "${name}" twice`;
    names.add(name);
  }
  return null;
}

/** Throws `InvalidConfig` unless the settings are what the plugin declares. */
export function checkSettings(
  settings: PluginSettings,
  options: readonly PluginOption[],
  name: string,
): void {
  for (const [key, value] of Object.entries(settings)) {
    checkSetting({ key, value }, options, name);
  }
  for (const option of options) {
    if (option.required !== true || Object.hasOwn(settings, option.name)) {
      continue;
    }
    throw refused(
      name,
      `its option "${option.name}" is missing: ${option.description}`,
    );
  }
}

/** The values that no message may show. */
export function secretsOf(
  settings: PluginSettings,
  options: readonly PluginOption[],
): string[] {
  return options.filter(({ secret }) => secret === true)
    .map(({ name }) => String(settings[name] ?? ""))
    .filter((value) => value !== "");
}

function checkSetting(
  { key, value }: { readonly key: string; readonly value: PluginOptionValue },
  options: readonly PluginOption[],
  name: string,
): void {
  const option = options.find((option) => option.name === key);
  if (option === undefined) throw unknownOption(key, options, name);
  const fits = typeof value === option.type &&
    (option.type !== "number" || Number.isFinite(value));
  if (fits) return;
  throw refused(
    name,
    `its option "${key}" is a ${option.type}, not a ${typeof value}: ` +
      option.description,
  );
}

function unknownOption(
  key: string,
  options: readonly PluginOption[],
  name: string,
): BlobError {
  const names = options.map((option) => option.name);
  const nearest = nearestWord(key, names);
  const hint = nearest !== null
    ? `did you mean "${nearest}"?`
    : names.length === 0
    ? "it has none"
    : `it has ${names.join(", ")}`;
  return refused(name, `it has no option "${key}": ${hint}`);
}

function optionFault(option: unknown): string | null {
  if (typeof option !== "object" || option === null) {
    return "one of its `options` is no object";
  }
  const { name, type, description, required, secret } = option as Partial<
    Record<keyof PluginOption, unknown>
  >;
  if (typeof name !== "string" || !NAME.test(name)) {
    return "one of its `options` has no `name` of letters and digits";
  }
  if (!TYPES.includes(type as string)) {
    return `its option "${name}" is of no \`type\` of ${TYPES.join(", ")}`;
  }
  // A stranger's text goes to the operator's terminal.
  if (typeof description !== "string" || /\p{Cc}/u.test(description)) {
    return `its option "${name}" has no \`description\` of one line`;
  }
  const marks = [required, secret];
  return marks.every((mark) => mark === undefined || typeof mark === "boolean")
    ? null
    : `\`required\` or \`secret\` of its option "${name}" is no true or false`;
}

function refused(name: string, reason: string): BlobError {
  return new BlobError(`Cannot use ${name}: ${reason}`, {
    code: "InvalidConfig",
  });
}
