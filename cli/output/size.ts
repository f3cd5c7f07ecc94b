/**
 * Sizes as people write them: `64GiB`, `1.5TiB`, `1073741824`.
 *
 * @module
 */

import { UsageError } from "../usage_error.ts";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  "B": 1,
  "KIB": 2 ** 10,
  "MIB": 2 ** 20,
  "GIB": 2 ** 30,
  "TIB": 2 ** 40,
  "PIB": 2 ** 50,
};

/** Bytes of the largest volume: 2^48 sectors of 512 bytes, less one block. */
const VOLUME_BYTES_MAX: number = 2 ** 57 - 4096;

/** Reads a number of bytes; undefined when it is none. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  const unit = match ? UNITS[(match[2] ?? "").toUpperCase()] : undefined;
  return match === null || unit === undefined
    ? undefined
    : Number(match[1]) * unit;
}

/**
 * Reads a volume's size. Throws a `UsageError` when it is no size, is not a
 * multiple of 4096, or is more than ATA can address.
 */
export function parseVolumeSize(text: string): number {
  const byteCount = parseSize(text);
  if (byteCount === undefined) {
    throw new UsageError(
      `Cannot read the size "${text}": write a number and KiB, MiB, GiB, TiB or PiB, such as 64GiB`,
    );
  }
  if (byteCount < 4096 || byteCount > VOLUME_BYTES_MAX) {
    throw new UsageError(
      `The size "${text}" is out of range: a volume has 4KiB to 128PiB`,
    );
  }
  if (byteCount % 4096 !== 0) {
    throw new UsageError(
      `The size "${text}" is not a multiple of 4096 bytes: the nearest below is ${
        Math.floor(byteCount / 4096) * 4096
      }`,
    );
  }
  return byteCount;
}

/** Writes a byte count with the largest binary unit that keeps it readable. */
export function formatSize(byteCount: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = byteCount;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)}${units[unit]}`;
}
