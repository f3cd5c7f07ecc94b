/**
 * Values of a configuration file: each is of its type or a `UsageError` that
 * says where it stands.
 *
 * @module
 */

import { nearestWord } from "../../plugins/nearest.ts";
import { UsageError } from "../usage_error.ts";

/** Throws for a key that is not known: no wish is ignored. */
export function refuseUnknownKeys(
  path: string,
  table: Record<string, unknown>,
  known: readonly string[],
): void {
  for (const key of Object.keys(table)) {
    if (known.includes(key)) continue;
    const nearest = nearestWord(key, known);
    const hint = nearest === null
      ? `known are ${known.join(", ")}`
      : `did you mean "${nearest}"?`;
    throw new UsageError(`Unknown key "${key}" in ${path}: ${hint}`);
  }
}

/** A string. */
export function asString(value: unknown, where: string): string {
  if (typeof value !== "string") {
    throw new UsageError(`${where} must be a string`);
  }
  return value;
}

/** True or false. */
export function asBoolean(value: unknown, where: string): boolean {
  if (typeof value !== "boolean") {
    throw new UsageError(`${where} must be true or false`);
  }
  return value;
}

/** An array of anything. */
export function asArray(value: unknown, where: string): unknown[] {
  if (!Array.isArray(value)) throw new UsageError(`${where} must be an array`);
  return value;
}

/** A table of anything. */
export function asTable(
  value: unknown,
  where: string,
): Record<string, unknown> {
  if (
    typeof value !== "object" || value === null || Array.isArray(value) ||
    value instanceof Date
  ) throw new UsageError(`${where} must be a table`);
  return value as Record<string, unknown>;
}
