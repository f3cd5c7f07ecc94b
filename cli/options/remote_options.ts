/**
 * What an operator asks of a store that is behind, or written by another
 * server: `--max-lag`, `--flush`, `--follow`, and the same keys of a file.
 *
 * @module
 */

import { asBoolean } from "./config_values.ts";
import { isPastState, type TargetOption } from "./target_option.ts";
import { asFlushWait } from "./target_tuning.ts";
import { UsageError } from "../usage_error.ts";

/** The wishes; absent where nothing was said. */
export interface RemoteOptions {
  /** How far the store may be behind, in milliseconds. */
  readonly maxLagMs?: number;
  /** What FLUSH waits for on volumes that do not say themselves. */
  readonly flush?: "journal" | "remote";
  /** Follow all volumes. */
  readonly follow?: boolean;
}

/** Their keys in a configuration file. */
export const REMOTE_KEYS: readonly string[] = ["max-lag", "flush", "follow"];

const MAX_LAG_SECONDS_MAX = 3600;

/**
 * Reads the wishes from flags or from a file's table; `where` says where a key
 * stands. Throws a `UsageError`.
 */
export function readRemoteOptions(
  values: Readonly<Record<string, unknown>>,
  where: (key: string) => string,
): RemoteOptions {
  const { flush, follow } = values;
  const maxLag = values["max-lag"];
  return {
    ...(maxLag === undefined
      ? {}
      : { maxLagMs: asSeconds(maxLag, where("max-lag")) * 1000 }),
    ...(flush === undefined
      ? {}
      : { flush: asFlushWait(flush, where("flush")) }),
    ...(follow === undefined
      ? {}
      : { follow: asBoolean(follow, where("follow")) }),
  };
}

/**
 * A target with the wishes that are for all volumes. Throws a `UsageError` for
 * one that is followed by a server that writes the archive itself.
 */
export function withRemoteOptions(
  target: TargetOption,
  { flush, follow }: RemoteOptions,
  readOnly: boolean,
): TargetOption {
  const isHead = target.volume !== undefined && !isPastState(target);
  const wished: TargetOption = isHead
    ? {
      ...(flush === undefined ? {} : { flush }),
      ...(follow === undefined ? {} : { follow }),
      ...target,
    }
    : target;
  if (wished.follow && !readOnly) {
    throw new UsageError(
      `Cannot follow volume "${wished.volume}": this server is the one that writes the archive; add --read-only to follow what another one writes`,
    );
  }
  return wished;
}

function asSeconds(value: unknown, where: string): number {
  const seconds = typeof value === "string" && /^\d+$/.test(value)
    ? Number(value)
    : value;
  if (
    typeof seconds === "number" && Number.isInteger(seconds) &&
    seconds >= 1 && seconds <= MAX_LAG_SECONDS_MAX
  ) return seconds;
  throw new UsageError(
    `${where} is a whole number of seconds, 1 to ${MAX_LAG_SECONDS_MAX}`,
  );
}
