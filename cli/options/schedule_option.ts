/**
 * A snapshot schedule as people write it: `disk=1h,keep=24`, or a `[[schedule]]`
 * table of a configuration file.
 *
 * @module
 */

import { isName, NAME_LENGTH_MAX } from "../../cas/engine/names.ts";
import { asString, asTable, refuseUnknownKeys } from "./config_values.ts";
import { UsageError } from "../usage_error.ts";

/** When snapshots of a volume are made, and how many stay on the list. */
export interface Schedule {
  /** The volume's name. */
  readonly volume: string;
  /** The interval in its shortest form, such as `1h`: part of the names. */
  readonly every: string;
  /** The interval. */
  readonly everyMs: number;
  /** Names that stay on the list; all when absent. */
  readonly keep?: number;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

const FORM = "write VOLUME=1h or VOLUME=1h,keep=24, with s, m, h, d or w";

/** Reads `VOLUME=EVERY[,keep=COUNT]`. Throws a `UsageError`. */
export function parseSchedule(text: string): Schedule {
  const match = /^([^=,]+)=([^=,]+)(?:,keep=([^=,]+))?$/.exec(text);
  const [, volume, every, keep] = match ?? [];
  if (volume === undefined || every === undefined) {
    throw new UsageError(`Cannot read the schedule "${text}": ${FORM}`);
  }
  return checked(volume, every, keep, `The schedule "${text}"`);
}

/** Reads a table of the file `path`. Throws a `UsageError`. */
export function readSchedule(path: string, entry: unknown): Schedule {
  const where = `A schedule in ${path}`;
  const table = asTable(entry, where);
  refuseUnknownKeys(path, table, ["volume", "every", "keep"]);
  const { volume, every, keep } = table;
  if (volume === undefined || every === undefined) {
    throw new UsageError(`${where} needs "volume" and "every"`);
  }
  return checked(
    asString(volume, `"volume" of a schedule in ${path}`),
    asString(every, `"every" of a schedule in ${path}`),
    keep === undefined ? undefined : String(keep),
    where,
  );
}

/** Throws a `UsageError` where two would make the same names. */
export function refuseSameSchedules(schedules: readonly Schedule[]): void {
  const keys = schedules.map(({ volume, every }) => `${volume}=${every}`);
  const repeated = keys.find((key, index) => keys.indexOf(key) !== index);
  if (repeated === undefined) return;
  throw new UsageError(`The schedule ${repeated} is given twice: give it once`);
}

function checked(
  volume: string,
  every: string,
  keep: string | undefined,
  where: string,
): Schedule {
  if (!isName(volume)) {
    throw new UsageError(
      `${where}: "${volume}" is no volume's name: it has 1 to ${NAME_LENGTH_MAX} of a-z, 0-9, ".", "_", "-"`,
    );
  }
  const [, count, unit] = /^(\d{1,6})([smhdw])$/.exec(every) ?? [];
  const everyMs = Number(count) * (UNIT_MS[unit ?? ""] ?? NaN);
  if (!(everyMs > 0)) {
    throw new UsageError(`${where}: "${every}" is no interval: ${FORM}`);
  }
  if (keep !== undefined && !/^[1-9]\d{0,5}$/.test(keep)) {
    throw new UsageError(
      `${where}: "keep" is how many names stay on the list, from 1 on, not "${keep}"`,
    );
  }
  return {
    volume,
    every: shortest(everyMs),
    everyMs,
    ...(keep === undefined ? {} : { keep: Number(keep) }),
  };
}

/** `60m` and `1h` are one schedule. */
function shortest(everyMs: number): string {
  const [unit, unitMs] = Object.entries(UNIT_MS).findLast(([, unitMs]) =>
    everyMs % unitMs === 0
  )!;
  return `${everyMs / unitMs}${unit}`;
}
