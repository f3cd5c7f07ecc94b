/**
 * The header that every AoE frame starts with (AoEr11 section 2).
 *
 * ```text
 *   0              1              2              3
 *  +--------------+--------------+--------------+--------------+
 *  |               Ethernet destination address                |
 *  +                             +--------------+--------------+
 *  |                             |  Ethernet source address    |
 *  +--------------+--------------+                             +
 *  |                                                           |
 *  +--------------+--------------+------+-------+--------------+
 *  |   Ethernet type 0x88a2      | Ver  | Flags |    Error     |
 *  +--------------+--------------+------+-------+--------------+
 *  |       Major (shelf)         | Minor (slot) |   Command    |
 *  +--------------+--------------+--------------+--------------+
 *  |                            Tag                            |
 *  +--------------+--------------+--------------+--------------+
 *  |                            Arg ...                        |
 * ```
 *
 * Trust: `length >= HEADER_LENGTH` must have been checked before any of the
 * offsets is used on a received frame; `decodeHeader` checks by itself.
 *
 * @module
 */

import { readUint16, readUint32, writeUint16, writeUint32 } from "./bytes.ts";

/** Bytes of an Ethernet address. */
export const MAC_LENGTH = 6;

/** Bytes of the header, Ethernet part included. */
export const HEADER_LENGTH: number = MAC_LENGTH + MAC_LENGTH + 2 + 1 + 1 + 2 +
  1 + 1 + 4;

/** The registered ethertype of AoE. */
export const AOE_ETHERTYPE = 0x88a2;

/** The protocol version this implementation speaks. */
export const AOE_VERSION = 1;

/** Matches every shelf. */
export const SHELF_BROADCAST = 0xffff;

/** Matches every slot. */
export const SLOT_BROADCAST = 0xff;

/** The Ethernet broadcast address; read-only. */
export const MAC_BROADCAST: Uint8Array = new Uint8Array(MAC_LENGTH).fill(0xff);

/** Where the fields lie in a frame. */
export const HeaderOffset = {
  /** Destination address, 6 bytes. */
  Destination: 0,
  /** Source address, 6 bytes. */
  Source: 6,
  /** Ethernet type, 2 bytes. */
  EtherType: 12,
  /** High nibble version, low nibble flags. */
  VersionFlags: 14,
  /** Error code, meaningful with the error flag only. */
  Error: 15,
  /** Shelf, 2 bytes. */
  Shelf: 16,
  /** Slot. */
  Slot: 18,
  /** Command. */
  Command: 19,
  /** Tag, 4 bytes, opaque to a server. */
  Tag: 20,
} as const;

/** Bits of the low nibble at `VersionFlags`. */
export const AoeFlag = {
  /** The frame is a response. */
  Response: 0x08,
  /** The response reports an error. */
  Error: 0x04,
} as const;

/** AoE commands; 0xf0 to 0xff are vendor specific. */
export const AoeCommand = {
  /** Issue ATA command. */
  Ata: 0,
  /** Query config information. */
  QueryConfig: 1,
  /** MAC mask list. */
  MacMask: 2,
  /** Reserve or release. */
  ReserveRelease: 3,
} as const;

/** Codes of the error field. */
export const AoeErrorCode = {
  /** The command is not known. */
  UnrecognizedCommand: 1,
  /** The argument is not valid for the command. */
  BadArgument: 2,
  /** The device cannot be used at present. */
  DeviceUnavailable: 3,
  /** A config string is set already. */
  ConfigStringPresent: 4,
  /** The version of the request is not spoken. */
  UnsupportedVersion: 5,
  /** The target is reserved by somebody else. */
  TargetReserved: 6,
} as const;

/** A received frame is not what it should be. */
export class FrameFormatError extends RangeError {
  /** Always "FrameFormatError". */
  override readonly name = "FrameFormatError";
}

/** The header as a value. */
export interface AoeHeader {
  /** Ethernet destination, 6 bytes. */
  readonly destination: Uint8Array;
  /** Ethernet source, 6 bytes. */
  readonly source: Uint8Array;
  /** Protocol version, 0 to 15. */
  readonly version: number;
  /** The flags nibble, reserved bits included. */
  readonly flags: number;
  /** Error code. */
  readonly error: number;
  /** Shelf, 0 to 65535. */
  readonly shelf: number;
  /** Slot, 0 to 255. */
  readonly slot: number;
  /** Command. */
  readonly command: number;
  /** Tag, 32 bits unsigned. */
  readonly tag: number;
}

/**
 * Decodes the header of the first `length` bytes of `frame`, copying the
 * addresses. Unknown commands, errors and versions stay numbers.
 *
 * @throws {FrameFormatError} when the frame is too short or of another ethertype.
 */
export function decodeHeader(
  frame: Uint8Array,
  length: number = frame.length,
): AoeHeader {
  if (length < HEADER_LENGTH) {
    throw new FrameFormatError(
      `Cannot decode AoE header: frame has ${length} bytes, needs ${HEADER_LENGTH}`,
    );
  }
  const etherType = readUint16(frame, HeaderOffset.EtherType);
  if (etherType !== AOE_ETHERTYPE) {
    throw new FrameFormatError(
      `Cannot decode AoE header: ethertype is 0x${etherType.toString(16)}`,
    );
  }
  const versionFlags = frame[HeaderOffset.VersionFlags]!;
  return {
    destination: macAt(frame, HeaderOffset.Destination),
    source: macAt(frame, HeaderOffset.Source),
    version: versionFlags >>> 4,
    flags: versionFlags & 0x0f,
    error: frame[HeaderOffset.Error]!,
    shelf: readUint16(frame, HeaderOffset.Shelf),
    slot: frame[HeaderOffset.Slot]!,
    command: frame[HeaderOffset.Command]!,
    tag: readUint32(frame, HeaderOffset.Tag),
  };
}

/** Writes every byte of the header to the start of `frame`. */
export function encodeHeader(frame: Uint8Array, header: AoeHeader): void {
  frame.set(header.destination, HeaderOffset.Destination);
  frame.set(header.source, HeaderOffset.Source);
  writeUint16(frame, HeaderOffset.EtherType, AOE_ETHERTYPE);
  frame[HeaderOffset.VersionFlags] = header.version << 4 | header.flags;
  frame[HeaderOffset.Error] = header.error;
  writeUint16(frame, HeaderOffset.Shelf, header.shelf);
  frame[HeaderOffset.Slot] = header.slot;
  frame[HeaderOffset.Command] = header.command;
  writeUint32(frame, HeaderOffset.Tag, header.tag);
}

/** Prints an Ethernet address as `02:00:00:00:00:01`. */
export function formatMac(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join(
    ":",
  );
}

function macAt(frame: Uint8Array, offset: number): Uint8Array {
  return frame.slice(offset, offset + MAC_LENGTH);
}
