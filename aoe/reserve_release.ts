/**
 * The argument of the command "Reserve/Release" (AoEr11 section 3.4): reads or
 * sets the list of addresses that may read and write a target.
 *
 * ```text
 *   24             25             26
 *  +--------------+--------------+--------------+--------------+
 *  |     RCmd     |    NMacs     |  Ethernet addresses,        |
 *  +--------------+--------------+  6 bytes each ...           +
 * ```
 *
 * @module
 */

import { FrameFormatError, HEADER_LENGTH, MAC_LENGTH } from "./header.ts";

/** Bytes of the argument before the addresses. */
const RESERVE_ARGUMENT_LENGTH: number = 1 + 1;

/** Where the addresses start. */
const RESERVE_MACS_OFFSET: number = HEADER_LENGTH +
  RESERVE_ARGUMENT_LENGTH;

/**
 * Most addresses of a reservation, 248: what a response carries at the MTU of
 * plain Ethernet, 1500 bytes behind the first 14. The count field would allow
 * 255.
 */
export const RESERVE_ENTRIES_MAX: number = Math.floor(
  (1514 - RESERVE_MACS_OFFSET) / MAC_LENGTH,
);

/** Where the fields lie in a frame. */
export const ReserveOffset = {
  /** Sub-command. */
  Command: 24,
  /** Addresses that follow. */
  MacCount: 25,
} as const;

/** Sub-commands. */
export const ReserveCommand = {
  /** Answer with the list. */
  Read: 0,
  /** Set the list, if it is empty or the sender is in it. */
  Set: 1,
  /** Set the list, whatever it was. */
  ForceSet: 2,
} as const;

/** The argument as a value. */
export interface ReserveArgument {
  /** Sub-command. */
  readonly command: number;
  /** Addresses, 6 bytes each; none of them in a set releases the target. */
  readonly macs: readonly Uint8Array[];
}

/** Addresses that a frame announces, or -1 when they are not all there. */
export function reserveMacCount(frame: Uint8Array, length: number): number {
  if (length < RESERVE_MACS_OFFSET) return -1;
  const count = frame[ReserveOffset.MacCount]!;
  return reserveFrameLength(count) <= length ? count : -1;
}

/** Bytes of a frame with this many addresses. */
export function reserveFrameLength(macCount: number): number {
  return RESERVE_MACS_OFFSET + macCount * MAC_LENGTH;
}

/**
 * Decodes the argument of a frame, copying the addresses.
 *
 * @throws {FrameFormatError} when the frame is cut off.
 */
export function decodeReserveArgument(
  frame: Uint8Array,
  length: number = frame.length,
): ReserveArgument {
  const count = reserveMacCount(frame, length);
  if (count < 0) {
    throw new FrameFormatError(
      `Cannot decode reserve argument: frame of ${length} bytes is cut off`,
    );
  }
  return {
    command: frame[ReserveOffset.Command]!,
    macs: Array.from(
      { length: count },
      (_, i) => frame.slice(reserveFrameLength(i), reserveFrameLength(i + 1)),
    ),
  };
}

/**
 * Writes every byte of the argument behind the header in `frame` and returns
 * the length of the frame.
 *
 * @throws {RangeError} when there are more than 255 addresses.
 */
export function encodeReserveArgument(
  frame: Uint8Array,
  argument: ReserveArgument,
): number {
  const { macs } = argument;
  if (macs.length > 0xff) {
    throw new RangeError(
      `Cannot encode reservation: ${macs.length} addresses, at most 255 can be counted`,
    );
  }
  frame[ReserveOffset.Command] = argument.command;
  frame[ReserveOffset.MacCount] = macs.length;
  macs.forEach((mac, index) => frame.set(mac, reserveFrameLength(index)));
  return reserveFrameLength(macs.length);
}
