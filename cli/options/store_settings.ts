/**
 * What an operator asks of the layers around a store: `--store-option NAME=VALUE`
 * on the command line, the table `[store-options]` of a configuration file.
 *
 * ```toml
 * [store-options]
 * concurrency = 16
 * upload = "20MiB"
 * download = "100MiB"
 * timeout = 120
 * cache = "20GiB"
 * cache-dir = "/var/cache/deepshelf"
 * ```
 *
 * @module
 */

import { nearestWord } from "../../plugins/nearest.ts";
import { asTable } from "./config_values.ts";
import { parseSize } from "../output/size.ts";
import { UsageError } from "../usage_error.ts";

/** Settings of a store; each is the layer's own default when absent. Can be structured-cloned. */
export interface StoreSettings {
  /** Operations at once. */
  readonly concurrency?: number;
  /** Bytes put in a second. */
  readonly uploadBytesPerSecond?: number;
  /** Bytes got in a second. */
  readonly downloadBytesPerSecond?: number;
  /** Time of an operation, beside that for its bytes. */
  readonly timeoutMs?: number;
  /** Most bytes of the local cache of packs; 0 for none. */
  readonly cacheBytesMax?: number;
  /** Its folder; `cache/` in the state folder when absent. */
  readonly cachePath?: string;
}

const CONCURRENCY_MAX = 1024;
const TIMEOUT_S_MAX = 3600;
const CACHE_BYTES_MIN = 1024 * 1024;

type Read = (text: string, where: string) => StoreSettings;

const OPTIONS: Readonly<Record<string, Read>> = {
  concurrency: (text, where) => ({
    concurrency: asCount(text, where, CONCURRENCY_MAX),
  }),
  upload: (text, where) => ({ uploadBytesPerSecond: asRate(text, where) }),
  download: (text, where) => ({ downloadBytesPerSecond: asRate(text, where) }),
  timeout: (text, where) => ({
    timeoutMs: asCount(text, where, TIMEOUT_S_MAX) * 1000,
  }),
  cache: (text, where) => ({ cacheBytesMax: asCacheSize(text, where) }),
  "cache-dir": (text) => ({ cachePath: text }),
};

/** Reads `NAME=VALUE`s. Throws a `UsageError`. */
export function parseStoreOptions(texts: readonly string[]): StoreSettings {
  let settings: StoreSettings = {};
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at < 1) {
      throw new UsageError(
        `Cannot read --store-option ${text}: write --store-option NAME=VALUE, such as --store-option upload=20MiB`,
      );
    }
    const name = text.slice(0, at);
    settings = {
      ...settings,
      ...read(name, text.slice(at + 1), `--store-option ${name}`),
    };
  }
  return settings;
}

/** Reads the table of the configuration at `path`. Throws a `UsageError`. */
export function readStoreOptions(path: string, value: unknown): StoreSettings {
  const table = asTable(value, `"store-options" in ${path}`);
  let settings: StoreSettings = {};
  for (const [name, found] of Object.entries(table)) {
    const where = `"${name}" of "store-options" in ${path}`;
    if (typeof found !== "string" && typeof found !== "number") {
      throw new UsageError(`${where} must be a number or a string`);
    }
    settings = { ...settings, ...read(name, String(found), where) };
  }
  return settings;
}

function read(name: string, text: string, where: string): StoreSettings {
  const option = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
  if (option !== undefined) return option(text, where);
  const known = Object.keys(OPTIONS);
  const nearest = nearestWord(name, known);
  const hint = nearest === null
    ? `known are ${known.join(", ")}`
    : `did you mean "${nearest}"?`;
  throw new UsageError(`There is no ${where}: ${hint}`);
}

function asCount(text: string, where: string, max: number): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= max) return count;
  throw new UsageError(`${where} must be a whole number from 1 to ${max}`);
}

function asRate(text: string, where: string): number {
  const byteCount = parseSize(text);
  if (byteCount !== undefined && byteCount >= 1024) return byteCount;
  throw new UsageError(
    `${where} must be the bytes of a second, at least 1KiB, such as 20MiB`,
  );
}

function asCacheSize(text: string, where: string): number {
  if (text === "off" || text === "0") return 0;
  const byteCount = parseSize(text);
  if (byteCount !== undefined && byteCount >= CACHE_BYTES_MIN) return byteCount;
  throw new UsageError(
    `${where} must be the most bytes of the local cache, at least 1MiB, such as 20GiB, or off`,
  );
}
