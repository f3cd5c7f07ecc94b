/**
 * How a target is to be served, beside its address and its disk: the options
 * that follow a comma in `--target`, and the same keys of a `[[target]]`.
 *
 * @module
 */

import { SECTOR_COUNT_MAX } from "../../aoe/port.ts";
import { CONFIG_STRING_LENGTH_MAX } from "../../aoe/query_config.ts";
import { asString } from "./config_values.ts";
import { parseVolumeSize } from "../output/size.ts";
import { nearestWord } from "../../plugins/nearest.ts";
import { UsageError } from "../usage_error.ts";

/** How to serve a target; absent fields have their defaults. */
export interface TargetTuning {
  /** Refuse writes. */
  readonly readOnly?: boolean;
  /**
   * Serve a past state as a writable clone: one that is dropped at exit, or the
   * name of the volume in which it is kept.
   */
  readonly clone?: boolean | string;
  /** Size of a disk that is to be made. */
  readonly sizeBytes?: number;
  /** Serve the newest state that another server publishes, again and again. */
  readonly follow?: boolean;
  /** What FLUSH waits for: this machine's journal, the default, or the store. */
  readonly flush?: "journal" | "remote";
  /** Addresses of the hosts that may see it, `00:11:22:33:44:55`. */
  readonly allow?: readonly string[];
  /** Requests an initiator may have outstanding. */
  readonly bufferCount?: number;
  /** Most sectors of one request. */
  readonly sectorCountMax?: number;
  /** Serial number, instead of the disk's own. */
  readonly serial?: string;
  /** The config string as long as nobody has set another. */
  readonly configString?: string;
}

/** Reads one key's value: a string from the command line, any type from TOML. */
type Reader = (value: unknown, where: string) => TargetTuning;

const READERS: Readonly<Record<string, Reader>> = {
  ro: (value, where) => ({ readOnly: asFlag(value, where) }),
  clone: (value, where) => ({ clone: asClone(value, where) }),
  follow: (value, where) => ({ follow: asFlag(value, where) }),
  flush: (value, where) => ({ flush: asFlushWait(value, where) }),
  size: (value, where) => ({
    sizeBytes: parseVolumeSize(asString(value, where)),
  }),
  allow: (value, where) => ({
    allow: (Array.isArray(value) ? value : [value]).map((mac) =>
      asMac(mac, where)
    ),
  }),
  buffers: (value, where) => ({
    bufferCount: asNumber(value, where, 2, 0xffff),
  }),
  sectors: (value, where) => ({
    sectorCountMax: asNumber(value, where, 2, SECTOR_COUNT_MAX),
  }),
  serial: (value, where) => ({ serial: asSerial(value, where) }),
  config: (value, where) => ({ configString: asConfigString(value, where) }),
};

/** The keys, for help and for configuration files. */
export const TUNING_KEYS: readonly string[] = Object.keys(READERS);

/**
 * Reads the options of a target from the command line: `["ro", "buffers=8"]`.
 * `allow` may be repeated. Throws a `UsageError`.
 */
export function parseTuning(
  words: readonly string[],
  target: string,
): TargetTuning {
  const values = new Map<string, unknown>();
  for (const word of words) {
    const [, key = "", value] = /^([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    const earlier = values.get(key);
    if (earlier !== undefined && key !== "allow") {
      throw new UsageError(`The target "${target}" has "${key}" twice`);
    }
    const read: unknown = value ?? true;
    values.set(
      key,
      earlier === undefined ? read : [earlier, read].flat(),
    );
  }
  return readTuning(values, `the target "${target}"`);
}

/** Reads options by key. `where` says where they stand. Throws a `UsageError`. */
export function readTuning(
  values: Iterable<readonly [string, unknown]>,
  where: string,
): TargetTuning {
  let tuning: TargetTuning = {};
  for (const [key, value] of values) {
    const read = Object.hasOwn(READERS, key) ? READERS[key] : undefined;
    if (read === undefined) throw unknownKey(key, where);
    tuning = { ...tuning, ...read(value, `"${key}" of ${where}`) };
  }
  if (tuning.readOnly && tuning.clone) {
    throw new UsageError(
      `A clone is there to be written: leave out "ro" or "clone" of ${where}`,
    );
  }
  return tuning;
}

function unknownKey(key: string, where: string): UsageError {
  const nearest = nearestWord(key, TUNING_KEYS);
  const hint = nearest === null
    ? `known are ${TUNING_KEYS.join(", ")}`
    : `did you mean "${nearest}"?`;
  return new UsageError(`Unknown option "${key}" of ${where}: ${hint}`);
}

/** `ro` and `ro=true` switch on, `ro=false` off. */
function asFlag(value: unknown, where: string): boolean {
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  throw new UsageError(`${where} is true or false`);
}

/** Also the value of `--flush`. Throws a `UsageError`. */
export function asFlushWait(
  value: unknown,
  where: string,
): "journal" | "remote" {
  if (value === "journal" || value === "remote") return value;
  throw new UsageError(
    `${where} is "journal" (FLUSH is answered when writes are on this machine's disk) or "remote" (when they are in the store)`,
  );
}

/** A flag, or the name of a volume. */
function asClone(value: unknown, where: string): boolean | string {
  if (typeof value !== "string" || /^(true|false)$/.test(value)) {
    return asFlag(value, where);
  }
  if (/^[^:@,]+$/.test(value)) return value;
  throw new UsageError(
    `${where} is the name of a volume to keep the clone in, not "${value}"`,
  );
}

function asNumber(
  value: unknown,
  where: string,
  min: number,
  max: number,
): number {
  const number = typeof value === "string" && /^\d+$/.test(value)
    ? Number(value)
    : value;
  if (
    typeof number === "number" && Number.isInteger(number) &&
    number >= min && number <= max
  ) return number;
  throw new UsageError(`${where} is a whole number of ${min} to ${max}`);
}

function asMac(value: unknown, where: string): string {
  const text = asString(value, where).toLowerCase();
  if (/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(text)) return text;
  throw new UsageError(
    `${where} is the address of a network card, such as 00:11:22:33:44:55, not "${text}"`,
  );
}

/** An ATA serial number has 20 characters. */
function asSerial(value: unknown, where: string): string {
  const text = asString(value, where);
  if (/^[\x21-\x7e]{1,20}$/.test(text)) return text;
  throw new UsageError(
    `${where} has 1 to 20 letters, digits and signs of ASCII`,
  );
}

function asConfigString(value: unknown, where: string): string {
  const text = asString(value, where);
  const length = new TextEncoder().encode(text).length;
  if (length <= CONFIG_STRING_LENGTH_MAX) return text;
  throw new UsageError(
    `${where} has ${length} bytes: ${CONFIG_STRING_LENGTH_MAX} is the most`,
  );
}
