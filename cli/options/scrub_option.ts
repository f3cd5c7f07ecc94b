/**
 * How scrubs are asked for: `7d,sample=5%,rate=32MiB`.
 *
 * @module
 */

import { parseVolumeSize } from "../output/size.ts";
import { UsageError } from "../usage_error.ts";

/** How fast a scrub reads, unless told otherwise: next to nothing of what a disk gives. */
const SCRUB_BYTES_PER_SECOND: number = 32 * 1024 * 1024;

/** Scrubs by the clock. */
export interface ScrubSchedule {
  /** From the begin of one to that of the next. */
  readonly everyMs: number;
  /** How much of the packs each reads, in percent. */
  readonly samplePercent: number;
  /** Bytes a second. */
  readonly bytesPerSecond: number;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Reads `EVERY[,sample=PERCENT%][,rate=SIZE]`. Throws a `UsageError`. */
export function parseScrubSchedule(text: string): ScrubSchedule {
  const [every = "", ...words] = text.split(",");
  let samplePercent = 100;
  let bytesPerSecond = SCRUB_BYTES_PER_SECOND;
  for (const word of words) {
    const [name, value = ""] = word.split("=");
    if (name === "sample") samplePercent = parseSample(value);
    else if (name === "rate") bytesPerSecond = parseRate(value);
    else {
      throw new UsageError(
        `Cannot read "${word}" of the scrubs "${text}": write 7d,sample=5%,rate=32MiB`,
      );
    }
  }
  return { everyMs: parseEvery(every), samplePercent, bytesPerSecond };
}

/** Reads `5%`; above 0 and at most 100. Throws a `UsageError`. */
export function parseSample(text: string): number {
  const percent = Number(/^(\d+(?:\.\d+)?)%$/.exec(text)?.[1]);
  if (percent > 0 && percent <= 100) return percent;
  throw new UsageError(
    `Cannot read the sample "${text}": write how many percent of the packs to read, such as 5%`,
  );
}

/** Reads bytes a second, such as `32MiB`. Throws a `UsageError`. */
export function parseRate(text: string): number {
  try {
    return parseVolumeSize(text);
  } catch {
    throw new UsageError(
      `Cannot read the rate "${text}": write how many bytes a second to read, such as 32MiB`,
    );
  }
}

function parseEvery(text: string): number {
  const [, count, unit = ""] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  const everyMs = Number(count) * (UNIT_MS[unit] ?? NaN);
  if (everyMs > 0) return everyMs;
  throw new UsageError(
    `Cannot read how often to scrub, "${text}": write such as 12h, 7d or 4w`,
  );
}
