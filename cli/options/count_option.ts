/**
 * Options that are counts.
 *
 * @module
 */

import { UsageError } from "../usage_error.ts";

/** The whole number of 1 to `max` that `option` was given; throws a `UsageError`. */
export function parseCount(option: string, text: string, max: number): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= max) return count;
  throw new UsageError(`${option} is a whole number of 1 to ${max}`);
}
