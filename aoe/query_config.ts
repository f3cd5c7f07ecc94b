/**
 * The argument of the command "Query config information" (AoEr11 section 3.2).
 *
 * ```text
 *   24             25             26             27
 *  +--------------+--------------+--------------+--------------+
 *  |        Buffer count         |      Firmware version       |
 *  +--------------+--------------+------+-------+--------------+
 *  | Sector count | AoE   | CCmd |    Config string length     |
 *  +--------------+--------------+--------------+--------------+
 *  |  Config string, up to 1024 bytes ...
 * ```
 *
 * @module
 */

import { readUint16, writeUint16 } from "./bytes.ts";
import { FrameFormatError, HEADER_LENGTH } from "./header.ts";

/** Bytes of the argument before the config string. */
const CONFIG_ARGUMENT_LENGTH: number = 2 + 2 + 1 + 1 + 2;

/** Where the config string starts. */
export const CONFIG_STRING_OFFSET: number = HEADER_LENGTH +
  CONFIG_ARGUMENT_LENGTH;

/** Longest config string, in bytes. */
export const CONFIG_STRING_LENGTH_MAX = 1024;

/** What a sector count of 0 in a response means. */
export const CONFIG_SECTOR_COUNT_DEFAULT = 2;

/** Where the fields lie in a frame. */
export const ConfigOffset = {
  /** Frames the server can queue, 2 bytes. */
  BufferCount: 24,
  /** Firmware version, 2 bytes. */
  FirmwareVersion: 26,
  /** Most sectors of one ATA command. */
  SectorCount: 28,
  /** High nibble AoE version, low nibble sub-command. */
  VersionCommand: 29,
  /** Bytes of the config string, 2 bytes. */
  StringLength: 30,
} as const;

/** Sub-commands. */
export const ConfigCommand = {
  /** Answer with the config string. */
  Read: 0,
  /** Answer only if the argument equals the config string. */
  TestEqual: 1,
  /** Answer only if the argument is a prefix of the config string. */
  TestPrefix: 2,
  /** Set the config string if there is none. */
  Set: 3,
  /** Set the config string, whatever it was. */
  ForceSet: 4,
} as const;

/** The argument as a value. */
export interface ConfigArgument {
  /** Frames the server can queue; excess is dropped. 0 in a request. */
  readonly bufferCount: number;
  /** The server's firmware version. 0 in a request. */
  readonly firmwareVersion: number;
  /** Most sectors of one ATA command, 0 means 2. 0 in a request. */
  readonly sectorCount: number;
  /** AoE version of the server. 0 in a request. */
  readonly version: number;
  /** Sub-command. */
  readonly command: number;
  /** Config string, up to 1024 bytes. */
  readonly configString: Uint8Array;
}

/** Bytes of the config string in a frame, or -1 when they are not all there. */
export function configStringLength(frame: Uint8Array, length: number): number {
  if (length < CONFIG_STRING_OFFSET) return -1;
  const stringLength = readUint16(frame, ConfigOffset.StringLength);
  const fits = stringLength <= CONFIG_STRING_LENGTH_MAX &&
    CONFIG_STRING_OFFSET + stringLength <= length;
  return fits ? stringLength : -1;
}

/** Decodes the argument of a frame; the config string is a copy. */
export function decodeConfigArgument(
  frame: Uint8Array,
  length: number = frame.length,
): ConfigArgument {
  const stringLength = configStringLength(frame, length);
  if (stringLength < 0) {
    throw new FrameFormatError(
      `Cannot decode query config argument: frame of ${length} bytes is cut off, or its config string is longer than ${CONFIG_STRING_LENGTH_MAX}`,
    );
  }
  const versionCommand = frame[ConfigOffset.VersionCommand]!;
  return {
    bufferCount: readUint16(frame, ConfigOffset.BufferCount),
    firmwareVersion: readUint16(frame, ConfigOffset.FirmwareVersion),
    sectorCount: frame[ConfigOffset.SectorCount]!,
    version: versionCommand >>> 4,
    command: versionCommand & 0x0f,
    configString: frame.slice(
      CONFIG_STRING_OFFSET,
      CONFIG_STRING_OFFSET + stringLength,
    ),
  };
}

/**
 * Writes every byte of the argument behind the header in `frame` and returns
 * the length of the frame.
 *
 * @throws {RangeError} when the config string is longer than 1024 bytes.
 */
export function encodeConfigArgument(
  frame: Uint8Array,
  argument: ConfigArgument,
): number {
  const { configString } = argument;
  if (configString.length > CONFIG_STRING_LENGTH_MAX) {
    throw new RangeError(
      `Cannot encode config string: ${configString.length} bytes, at most ${CONFIG_STRING_LENGTH_MAX} fit`,
    );
  }
  writeUint16(frame, ConfigOffset.BufferCount, argument.bufferCount);
  writeUint16(frame, ConfigOffset.FirmwareVersion, argument.firmwareVersion);
  frame[ConfigOffset.SectorCount] = argument.sectorCount;
  frame[ConfigOffset.VersionCommand] = argument.version << 4 | argument.command;
  writeUint16(frame, ConfigOffset.StringLength, configString.length);
  frame.set(configString, CONFIG_STRING_OFFSET);
  return CONFIG_STRING_OFFSET + configString.length;
}
