/**
 * What initiators leave behind in a target: its config string, its MAC mask
 * and its reservation. A value, so that whoever runs the target can keep it
 * across restarts.
 *
 * @module
 */

import { MAC_LENGTH } from "./header.ts";
import { MASK_ENTRIES_MAX } from "./mac_mask.ts";
import { CONFIG_STRING_LENGTH_MAX } from "./query_config.ts";
import { RESERVE_ENTRIES_MAX } from "./reserve_release.ts";

/** What initiators leave behind in a target. */
export interface TargetState {
  /** The config string, up to 1024 bytes. */
  readonly configString: Uint8Array;
  /** The MAC mask, up to 185 addresses of 6 bytes; none for everybody. */
  readonly mask: readonly Uint8Array[];
  /** The reservation, up to 248 addresses of 6 bytes; none for everybody. */
  readonly reservation: readonly Uint8Array[];
}

/** The state of a target that nobody has changed. */
export function emptyTargetState(): TargetState {
  return { configString: new Uint8Array(0), mask: [], reservation: [] };
}

/**
 * Checks a state.
 *
 * @throws {RangeError} when a list or a string is too long, or an address does
 * not have 6 bytes.
 */
export function requireTargetState(state: TargetState): void {
  requireAtMost(
    "length of configString",
    state.configString.length,
    CONFIG_STRING_LENGTH_MAX,
  );
  requireAtMost("length of mask", state.mask.length, MASK_ENTRIES_MAX);
  requireAtMost(
    "length of reservation",
    state.reservation.length,
    RESERVE_ENTRIES_MAX,
  );
  requireMacs("mask", state.mask);
  requireMacs("reservation", state.reservation);
}

/** @throws {RangeError} when an address does not have 6 bytes. */
export function requireMacs(
  label: string,
  macs: readonly Uint8Array[],
): void {
  const bad = macs.find((mac) => mac.length !== MAC_LENGTH);
  if (bad === undefined) return;
  throw new RangeError(
    `Cannot make target: ${label} has an address of ${bad.length} bytes, use ${MAC_LENGTH}`,
  );
}

function requireAtMost(label: string, value: number, max: number): void {
  if (value <= max) return;
  throw new RangeError(
    `Cannot make target: ${label} is ${value}, use 0 to ${max}`,
  );
}
