/**
 * The way a state is written: `VOLUME`, `VOLUME@SNAPSHOT`, `VOLUME@TIME` or
 * `root:HASH`. A time has a capital T and colons, which no name of a snapshot
 * can have, so the two cannot be mistaken for each other.
 *
 * @module
 */

import type { StateReference } from "../../cas/volume_states.ts";
import { UsageError } from "../usage_error.ts";

const TIME =
  /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/;

/** How states are written, for help and messages. */
export const STATE_FORM =
  "VOLUME, VOLUME@SNAPSHOT, VOLUME@TIME (such as disk@2027-03-01T09:30:00Z) or root:HASH";

/** True for what is meant as a time, whether or not there is such a time. */
export function looksLikeTime(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}T/.test(text);
}

/** Reads a time; milliseconds since 1970. Throws a `UsageError`. */
export function parseTime(text: string): number {
  const timeMs = TIME.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(timeMs)) return timeMs;
  throw new UsageError(
    `Cannot read the time "${text}": write it with its zone, such as 2027-03-01T09:30:00Z or 2027-03-01T10:30:00+01:00; history shows times so`,
  );
}

/** Reads `root:HASH`; undefined for what is written otherwise. */
export function parseRoot(text: string): string | undefined {
  return /^root:([0-9a-fA-F]{64})$/.exec(text)?.[1]?.toLowerCase();
}

/** What to say of a root hash that is none. */
export function badRoot(text: string): UsageError {
  return new UsageError(
    `Cannot read the root hash in "${text}": write root: and all of its 64 hexadecimal digits; history and snapshot list show them`,
  );
}

/** Reads a state. Throws a `UsageError`. */
export function parseState(text: string): StateReference {
  const root = parseRoot(text);
  if (root !== undefined) return { root };
  if (text.startsWith("root:")) throw badRoot(text);
  const match = /^([^:@]+)(?:@([^@]+))?$/.exec(text);
  const volume = match?.[1];
  if (match === null || volume === undefined) {
    throw new UsageError(
      `Cannot read the state "${text}": write ${STATE_FORM}`,
    );
  }
  const past = match[2];
  return past === undefined ? { volume } : { volume, ...parsePast(past) };
}

/** Reads a state of a volume: `SNAPSHOT`, `TIME`, or a state written in full. */
export function parseStateOf(volume: string, text: string): StateReference {
  return text.includes("@") || text.startsWith("root:")
    ? parseState(text)
    : { volume, ...parsePast(text) };
}

/** Reads what stands behind the `@`. Throws a `UsageError`. */
function parsePast(
  text: string,
): { readonly snapshot: string } | { readonly atMs: number } {
  return looksLikeTime(text) ? { atMs: parseTime(text) } : { snapshot: text };
}

/** True for the present state of a volume. */
export function isHead(
  state: StateReference,
): state is StateReference & { readonly volume: string } {
  return state.volume !== undefined && state.snapshot === undefined &&
    state.atMs === undefined && state.root === undefined;
}
