/**
 * A target in a configuration file: one `[[target]]` table.
 *
 * @module
 */

import { asString, refuseUnknownKeys } from "./config_values.ts";
import { parseVolumeSize } from "../output/size.ts";
import { parseTime } from "./state_reference.ts";
import {
  checkedTarget,
  parseAddress,
  type TargetOption,
} from "./target_option.ts";
import { readTuning, TUNING_KEYS } from "./target_tuning.ts";
import { UsageError } from "../usage_error.ts";

const DISK_KEYS = [
  "address",
  "volume",
  "snapshot",
  "at",
  "root",
  "path",
  "memory",
];

/** Reads a table of the file `path`. Throws a `UsageError`. */
export function readTarget(path: string, entry: unknown): TargetOption {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
    throw new UsageError(
      `"target" in ${path} must be tables: write [[target]]`,
    );
  }
  const table = entry as Record<string, unknown>;
  refuseUnknownKeys(path, table, [...DISK_KEYS, ...TUNING_KEYS]);
  const text = (key: string): string | undefined =>
    table[key] === undefined
      ? undefined
      : asString(table[key], `"${key}" of a target in ${path}`);
  const address = text("address");
  const volume = text("volume");
  const snapshot = text("snapshot");
  const at = text("at");
  const root = text("root");
  const file = text("path");
  const memory = text("memory");
  const disks = [volume, root, file, memory].filter((it) => it !== undefined);
  if (address === undefined || disks.length !== 1) {
    throw new UsageError(
      `A target in ${path} needs "address" and one of "volume", "root", "path" and "memory"`,
    );
  }
  const where = `Target ${address} in ${path}`;
  if (snapshot !== undefined && volume === undefined) {
    throw new UsageError(`${where}: a "snapshot" needs its "volume"`);
  }
  if (at !== undefined && (volume === undefined || snapshot !== undefined)) {
    throw new UsageError(`${where}: "at" needs a "volume" and no "snapshot"`);
  }
  if (root !== undefined && !/^[0-9a-fA-F]{64}$/.test(root)) {
    throw new UsageError(`${where}: "root" is 64 hexadecimal digits`);
  }
  const tuning = Object.entries(table).filter(([key]) =>
    TUNING_KEYS.includes(key)
  );
  return checkedTarget({
    ...parseAddress(address),
    ...(volume === undefined ? {} : { volume }),
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(at === undefined ? {} : { atMs: parseTime(at) }),
    ...(root === undefined ? {} : { root: root.toLowerCase() }),
    ...(file === undefined ? {} : { path: file }),
    ...readTuning(tuning, where),
    ...(memory === undefined
      ? {}
      : { memory: true, sizeBytes: parseVolumeSize(memory) }),
  });
}
