/**
 * Request frames for tests, made from the codecs, and hexadecimal text.
 *
 * @module
 */

import {
  AOE_VERSION,
  AoeCommand,
  ATA_DATA_OFFSET,
  type AtaArgument,
  encodeAtaArgument,
  encodeConfigArgument,
  encodeHeader,
  encodeMaskArgument,
  encodeReserveArgument,
  encodeTrimRanges,
  FRAME_LENGTH_MIN,
  MAC_BROADCAST,
  type MaskDirective,
  type SectorRange,
} from "../../aoe/mod.ts";

export const SERVER_MAC: Uint8Array = bytesOf("02 00 00 00 00 01");
export const CLIENT_MAC: Uint8Array = bytesOf("02 00 00 00 00 02");

/** What a request may differ in from an ordinary one to 1.0. */
export interface RequestOptions {
  readonly destination?: Uint8Array;
  readonly source?: Uint8Array;
  readonly version?: number;
  readonly flags?: number;
  readonly shelf?: number;
  readonly slot?: number;
  readonly tag?: number;
}

/** Bytes of "02 00 ff"; spaces and line ends do not matter. */
export function bytesOf(hexadecimal: string): Uint8Array {
  return Uint8Array.fromHex(hexadecimal.replace(/\s/g, ""));
}

export function text(characters: string): Uint8Array {
  return new TextEncoder().encode(characters);
}

/** A frame with this command and this many bytes after the header. */
export function request(
  command: number,
  argumentLength: number,
  options: RequestOptions = {},
): Uint8Array {
  const frame = new Uint8Array(24 + argumentLength);
  encodeHeader(frame, {
    destination: options.destination ?? SERVER_MAC,
    source: options.source ?? CLIENT_MAC,
    version: options.version ?? AOE_VERSION,
    flags: options.flags ?? 0,
    error: 0,
    shelf: options.shelf ?? 1,
    slot: options.slot ?? 0,
    command,
    tag: options.tag ?? 0x1234abcd,
  });
  return frame;
}

/** An ATA request padded to 60 bytes, or with `payload` behind it. */
export function ataRequest(
  argument: Partial<AtaArgument>,
  options: RequestOptions & { payload?: Uint8Array } = {},
): Uint8Array {
  const payload = options.payload ??
    new Uint8Array(FRAME_LENGTH_MIN - ATA_DATA_OFFSET);
  const frame = request(AoeCommand.Ata, 12 + payload.length, options);
  encodeAtaArgument(frame, {
    flags: 0,
    errorFeature: 0,
    sectorCount: 0,
    commandStatus: 0,
    lba: 0,
    ...argument,
  });
  frame.set(payload, ATA_DATA_OFFSET);
  return frame;
}

/** READ EXT. */
export function readRequest(
  lba: number,
  sectorCount: number,
  options: RequestOptions & { payload?: Uint8Array } = {},
): Uint8Array {
  return ataRequest(
    { flags: 0x40, sectorCount, commandStatus: 0x24, lba },
    options,
  );
}

/** WRITE EXT of sectors that are full of `fill`. */
export function writeRequest(
  lba: number,
  sectorCount: number,
  fill: number,
  options: RequestOptions = {},
): Uint8Array {
  return ataRequest(
    { flags: 0x41, sectorCount, commandStatus: 0x34, lba },
    { ...options, payload: new Uint8Array(sectorCount * 512).fill(fill) },
  );
}

/** FLUSH CACHE EXT. */
export function flushRequest(options: RequestOptions = {}): Uint8Array {
  return ataRequest({ commandStatus: 0xea }, options);
}

/** Query config, padded to 60 bytes. */
export function configRequest(
  command: number,
  configString: Uint8Array = new Uint8Array(0),
  options: RequestOptions = {},
): Uint8Array {
  const argumentLength = Math.max(36, 8 + configString.length);
  const frame = request(AoeCommand.QueryConfig, argumentLength, options);
  encodeConfigArgument(frame, {
    bufferCount: 0,
    firmwareVersion: 0,
    sectorCount: 0,
    version: 0,
    command,
    configString,
  });
  return frame;
}

/** MAC mask: reads, or edits if there are directives. Padded to 60 bytes. */
export function maskRequest(
  directives: readonly MaskDirective[] = [],
  options: RequestOptions = {},
): Uint8Array {
  const argumentLength = Math.max(36, 4 + 8 * directives.length);
  const frame = request(AoeCommand.MacMask, argumentLength, options);
  encodeMaskArgument(frame, {
    command: directives.length > 0 ? 1 : 0,
    error: 0,
    directiveCount: directives.length,
    directives,
  });
  return frame;
}

/** Reserve/Release, padded to 60 bytes. */
export function reserveRequest(
  command: number,
  macs: readonly Uint8Array[] = [],
  options: RequestOptions = {},
): Uint8Array {
  const argumentLength = Math.max(36, 2 + 6 * macs.length);
  const frame = request(AoeCommand.ReserveRelease, argumentLength, options);
  encodeReserveArgument(frame, { command, macs });
  return frame;
}

/** DATA SET MANAGEMENT with TRIM. */
export function trimRequest(
  ranges: readonly SectorRange[],
  options: RequestOptions = {},
): Uint8Array {
  return ataRequest(
    { flags: 0x41, errorFeature: 1, sectorCount: 1, commandStatus: 0x06 },
    { ...options, payload: encodeTrimRanges(ranges) },
  );
}

/** 02:00:00:00:xx:xx, of a host that is not the usual client. */
export function hostMac(number: number): Uint8Array {
  return Uint8Array.of(0x02, 0, 0, 0x77, number >>> 8, number);
}

/** The same request to everybody. */
export const EVERYBODY: RequestOptions = {
  destination: MAC_BROADCAST,
  shelf: 0xffff,
  slot: 0xff,
};
