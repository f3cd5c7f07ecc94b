/**
 * Turning a request into its response in another buffer, byte by byte through
 * the offset tables: nothing is allocated.
 *
 * @module
 */

import { copyBytes, writeUint16 } from "./bytes.ts";
import { AOE_VERSION, AoeFlag, HeaderOffset, MAC_LENGTH } from "./header.ts";

/** Who answers. */
export interface TargetAddress {
  /** Shelf, 0 to 65534. */
  readonly shelf: number;
  /** Slot, 0 to 254. */
  readonly slot: number;
}

/**
 * Copies the first `length` bytes of `request` (the header at least) to
 * `reply` and makes a successful response of them: back to the sender, from
 * `mac` and the target's own address, since a request may be a broadcast.
 */
export function beginReply(
  request: Uint8Array,
  reply: Uint8Array,
  length: number,
  mac: Uint8Array,
  address: TargetAddress,
): void {
  copyBytes(request, 0, reply, 0, length);
  copyBytes(
    request,
    HeaderOffset.Source,
    reply,
    HeaderOffset.Destination,
    MAC_LENGTH,
  );
  copyBytes(mac, 0, reply, HeaderOffset.Source, MAC_LENGTH);
  reply[HeaderOffset.VersionFlags] = AOE_VERSION << 4 | AoeFlag.Response;
  reply[HeaderOffset.Error] = 0;
  writeUint16(reply, HeaderOffset.Shelf, address.shelf);
  reply[HeaderOffset.Slot] = address.slot;
}

/** Makes an AoE error of a response. */
export function markAoeError(reply: Uint8Array, code: number): void {
  reply[HeaderOffset.VersionFlags] = AOE_VERSION << 4 | AoeFlag.Response |
    AoeFlag.Error;
  reply[HeaderOffset.Error] = code;
}
