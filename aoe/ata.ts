/**
 * The argument of the command "Issue ATA command" (AoEr11 section 3.1): the
 * registers of an ATA command in a request, those after it in the response.
 *
 * ```text
 *   24             25             26             27
 *  +--------------+--------------+--------------+--------------+
 *  | 0 E 0 D 0 0 A W | Err/Feature | Sector count| Cmd/Status  |
 *  +--------------+--------------+--------------+--------------+
 *  |     lba0     |     lba1     |     lba2     |     lba3     |
 *  +--------------+--------------+--------------+--------------+
 *  |     lba4     |     lba5     |          reserved           |
 *  +--------------+--------------+--------------+--------------+
 *  |  Data ...
 * ```
 *
 * lba0 is the least significant byte. Without the E flag lba3 is the Device
 * register, whose low nibble holds bits 24 to 27 of a 28-bit address.
 *
 * @module
 */

import { SECTOR_SIZE } from "./block_device.ts";
import { FrameFormatError, HEADER_LENGTH } from "./header.ts";

/** Bytes of the argument before the data. */
const ATA_ARGUMENT_LENGTH: number = 1 + 1 + 1 + 1 + 6 + 2;

/** Where the data starts: header and argument, 36 bytes. */
export const ATA_DATA_OFFSET: number = HEADER_LENGTH + ATA_ARGUMENT_LENGTH;

/** Where the registers lie in a frame. */
export const AtaOffset = {
  /** Flags of the argument. */
  Flags: 24,
  /** Feature register in a request, Error register in a response. */
  ErrorFeature: 25,
  /** Sector count register. */
  SectorCount: 26,
  /** Command register in a request, Status register in a response. */
  CommandStatus: 27,
  /** Address, 6 bytes, least significant first. */
  Lba: 28,
  /** Reserved, 2 bytes. */
  Reserved: 34,
} as const;

/** Bits of the flags. */
export const AtaFlag = {
  /** The registers are those of a 48-bit command. */
  Extended: 0x40,
  /** Device/head bit of a 48-bit command. */
  Device: 0x10,
  /** The server may answer before the write is done. It never does here. */
  Asynchronous: 0x02,
  /** Data flows to the device. */
  Write: 0x01,
} as const;

/** ATA commands that a target carries out; it aborts all others. */
export const AtaCommand = {
  /** DATA SET MANAGEMENT. */
  DataSetManagement: 0x06,
  /** READ SECTOR(S). */
  Read: 0x20,
  /** READ SECTOR(S) EXT. */
  ReadExt: 0x24,
  /** WRITE SECTOR(S). */
  Write: 0x30,
  /** WRITE SECTOR(S) EXT. */
  WriteExt: 0x34,
  /** READ VERIFY SECTOR(S). */
  ReadVerify: 0x40,
  /** READ VERIFY SECTOR(S) EXT. */
  ReadVerifyExt: 0x42,
  /** STANDBY IMMEDIATE, as first numbered. */
  StandbyImmediateOld: 0x94,
  /** IDLE IMMEDIATE, as first numbered. */
  IdleImmediateOld: 0x95,
  /** STANDBY, as first numbered. */
  StandbyOld: 0x96,
  /** IDLE, as first numbered. */
  IdleOld: 0x97,
  /** CHECK POWER MODE, as first numbered. */
  CheckPowerModeOld: 0x98,
  /** SLEEP, as first numbered. */
  SleepOld: 0x99,
  /** SMART. */
  Smart: 0xb0,
  /** STANDBY IMMEDIATE. */
  StandbyImmediate: 0xe0,
  /** IDLE IMMEDIATE. */
  IdleImmediate: 0xe1,
  /** STANDBY. */
  Standby: 0xe2,
  /** IDLE. */
  Idle: 0xe3,
  /** CHECK POWER MODE. */
  CheckPowerMode: 0xe5,
  /** SLEEP. */
  Sleep: 0xe6,
  /** FLUSH CACHE. */
  FlushCache: 0xe7,
  /** FLUSH CACHE EXT. */
  FlushCacheExt: 0xea,
  /** IDENTIFY DEVICE. */
  Identify: 0xec,
  /** SET FEATURES. */
  SetFeatures: 0xef,
} as const;

/** What a SET FEATURES or a SMART asks for, in the Feature register. */
export const AtaFeature = {
  /** DATA SET MANAGEMENT: the ranges need not be kept. */
  Trim: 0x01,
  /** SET FEATURES: no write cache. There never is one here. */
  DisableWriteCache: 0x82,
  /** SMART READ DATA. */
  SmartReadData: 0xd0,
  /** SMART ENABLE OPERATIONS. */
  SmartEnable: 0xd8,
  /** SMART RETURN STATUS. */
  SmartReturnStatus: 0xda,
} as const;

/** What SMART wants in lba1 and lba2, and RETURN STATUS leaves there: all is well. */
export const SMART_SIGNATURE = 0xc24f;

/** Values of the Status register. */
export const AtaStatus = {
  /** Device ready, no error. */
  Ok: 0x40,
  /** Device ready and ERR, the one bit that every initiator looks at. */
  Failed: 0x41,
} as const;

/** The bits of Status that initiators take for a failure. */
export const ATA_STATUS_FAILURE_MASK = 0xa9;

/** Bits of the Error register. */
export const AtaErrorBit = {
  /** ABRT: the command was not carried out. */
  Aborted: 0x04,
  /** IDNF: an address is beyond the end. */
  IdNotFound: 0x10,
  /** UNC: the data cannot be read. */
  Uncorrectable: 0x40,
} as const;

/** The argument as a value. */
export interface AtaArgument {
  /** Flags. */
  readonly flags: number;
  /** Feature register of a request, Error register of a response. */
  readonly errorFeature: number;
  /** Sector count register, 0 to 255. */
  readonly sectorCount: number;
  /** Command of a request, Status of a response. */
  readonly commandStatus: number;
  /** The six address bytes as one number, lba0 least significant. */
  readonly lba: number;
}

/** Reads a 48-bit address. */
export function readLba48(frame: Uint8Array): number {
  // Multiplied, because a shift would cut at 32 bits.
  return readLba24(frame) + frame[AtaOffset.Lba + 3]! * 2 ** 24 +
    frame[AtaOffset.Lba + 4]! * 2 ** 32 + frame[AtaOffset.Lba + 5]! * 2 ** 40;
}

/** Reads a 28-bit address; the high nibble of the Device register is left out. */
export function readLba28(frame: Uint8Array): number {
  return readLba24(frame) + (frame[AtaOffset.Lba + 3]! & 0x0f) * 2 ** 24;
}

/** Writes a 48-bit address. */
export function writeLba48(frame: Uint8Array, lba: number): void {
  const high = Math.floor(lba / 2 ** 24);
  frame[AtaOffset.Lba] = lba % 2 ** 24;
  frame[AtaOffset.Lba + 1] = lba % 2 ** 24 >>> 8;
  frame[AtaOffset.Lba + 2] = lba % 2 ** 24 >>> 16;
  frame[AtaOffset.Lba + 3] = high;
  frame[AtaOffset.Lba + 4] = high >>> 8;
  frame[AtaOffset.Lba + 5] = high >>> 16;
}

/** Decodes the argument of a frame, the data left alone. */
export function decodeAtaArgument(
  frame: Uint8Array,
  length: number = frame.length,
): AtaArgument {
  if (length < ATA_DATA_OFFSET) {
    throw new FrameFormatError(
      `Cannot decode ATA argument: frame has ${length} bytes, needs ${ATA_DATA_OFFSET}`,
    );
  }
  return {
    flags: frame[AtaOffset.Flags]!,
    errorFeature: frame[AtaOffset.ErrorFeature]!,
    sectorCount: frame[AtaOffset.SectorCount]!,
    commandStatus: frame[AtaOffset.CommandStatus]!,
    lba: readLba48(frame),
  };
}

/** Writes every byte of the argument behind the header in `frame`. */
export function encodeAtaArgument(
  frame: Uint8Array,
  argument: AtaArgument,
): void {
  frame[AtaOffset.Flags] = argument.flags;
  frame[AtaOffset.ErrorFeature] = argument.errorFeature;
  frame[AtaOffset.SectorCount] = argument.sectorCount;
  frame[AtaOffset.CommandStatus] = argument.commandStatus;
  writeLba48(frame, argument.lba);
  frame[AtaOffset.Reserved] = 0;
  frame[AtaOffset.Reserved + 1] = 0;
}

/**
 * Whether a command reads, writes or discards sectors: what a reservation
 * keeps from others.
 */
export function transfersSectors(command: number): boolean {
  switch (command) {
    case AtaCommand.Read:
    case AtaCommand.ReadExt:
    case AtaCommand.Write:
    case AtaCommand.WriteExt:
    case AtaCommand.ReadVerify:
    case AtaCommand.ReadVerifyExt:
    case AtaCommand.DataSetManagement:
      return true;
    default:
      return false;
  }
}

/** Bytes of a frame that carries `sectorCount` sectors. */
export function ataFrameLength(sectorCount: number): number {
  return ATA_DATA_OFFSET + sectorCount * SECTOR_SIZE;
}

function readLba24(frame: Uint8Array): number {
  return frame[AtaOffset.Lba]! | frame[AtaOffset.Lba + 1]! << 8 |
    frame[AtaOffset.Lba + 2]! << 16;
}
