/**
 * The 512 bytes that answer IDENTIFY DEVICE (ATA/ATAPI Command Set, ACS-2,
 * section 7.12): 256 words of 16 bits, each little-endian, strings with the
 * two characters of a word swapped.
 *
 * What is claimed is what the target does: 28-bit and 48-bit addresses, both
 * flushes, no write cache (a write is answered when it is durable), 8 logical
 * sectors in a physical one, power management, SMART, and TRIM with what reads
 * return after it.
 *
 * @module
 */

import { type DeviceIdentity, SECTOR_SIZE } from "./block_device.ts";
import { TRIM_BLOCK_COUNT_MAX } from "./trim.ts";

/** Sectors that 28-bit commands can address. */
const LBA28_SECTOR_COUNT_MAX: number = 2 ** 28 - 1;

/** Numbers of the words that are filled. */
const IdentifyWord = {
  /** General configuration. */
  General: 0,
  /** Cylinders of the default geometry. */
  Cylinders: 1,
  /** Whether IDENTIFY is complete without a SET FEATURES before it. */
  SpecificConfiguration: 2,
  /** Heads of the default geometry. */
  Heads: 3,
  /** Sectors per track of the default geometry. */
  SectorsPerTrack: 6,
  /** Serial number, 10 words. */
  Serial: 10,
  /** Firmware revision, 4 words. */
  Firmware: 23,
  /** Model number, 20 words. */
  Model: 27,
  /** READ/WRITE MULTIPLE. */
  Multiple: 47,
  /** Capabilities. */
  Capabilities: 49,
  /** More capabilities. */
  CapabilitiesMore: 50,
  /** Which later words hold something. */
  Validity: 53,
  /** Current cylinders, heads, sectors per track, then capacity in 2 words. */
  CurrentGeometry: 54,
  /** Sectors for 28-bit commands, 2 words. */
  Lba28SectorCount: 60,
  /** Additional features, what reads return after TRIM among them. */
  AdditionalSupported: 69,
  /** ATA versions. */
  MajorVersion: 80,
  /** Commands supported, 3 words. */
  Supported: 82,
  /** Commands enabled, 3 words. */
  Enabled: 85,
  /** Sectors for 48-bit commands, 4 words. */
  Lba48SectorCount: 100,
  /** Most blocks of ranges in one DATA SET MANAGEMENT. */
  TrimBlockCountMax: 105,
  /** Logical sectors per physical sector. */
  PhysicalSector: 106,
  /** What DATA SET MANAGEMENT can do. */
  DataSetManagement: 169,
  /** Where logical sector 0 lies in its physical sector. */
  Alignment: 209,
  /** Turns per minute. */
  RotationRate: 217,
  /** Signature and checksum. */
  Integrity: 255,
} as const;

/** Bits of word 83 and, where the command is enabled, word 86. */
const IdentifyFeature = {
  /** 48-bit addresses. */
  Lba48: 0x0400,
  /** FLUSH CACHE. */
  FlushCache: 0x1000,
  /** FLUSH CACHE EXT. */
  FlushCacheExt: 0x2000,
} as const;

/**
 * What TRIM does: nothing is known of it, it is a hint that changes nothing, or
 * the sectors read as zeros.
 */
export type TrimEffect = "none" | "hint" | "zero";

/** What is true of a device. */
export interface IdentifyFacts {
  /** Sectors. */
  readonly sectorCount: number;
  /** Names. */
  readonly identity: DeviceIdentity;
  /** What TRIM does, "none" by default. */
  readonly trim?: TrimEffect;
}

/** What an initiator wants of the answer. */
export interface IdentifyDescription extends DeviceIdentity {
  /** Sectors, by the 48-bit words where 48-bit commands are supported. */
  readonly sectorCount: number;
  /** Whether 48-bit commands are supported. */
  readonly lba48: boolean;
  /** Logical sectors in a physical one. */
  readonly sectorsPerPhysicalSector: number;
  /** What TRIM does. */
  readonly trim: TrimEffect;
}

const SERIAL_LENGTH = 20;
const FIRMWARE_LENGTH = 8;
const MODEL_LENGTH = 40;

const GENERAL_FIXED_DEVICE = 0x0040;
const COMPLETE_AS_IT_IS = 0xc837;
const HEADS = 16;
const SECTORS_PER_TRACK = 63;
const CYLINDERS_MAX = 16383;
const MULTIPLE_NONE = 0x8000;
const CAPABILITY_LBA = 1 << 9;
const GEOMETRY_VALID = 1 << 0;
const WORDS_64_TO_70_VALID = 1 << 1;
/** ATA/ATAPI-4 to ACS-2. */
const MAJOR_VERSIONS = 0x03f0;
/** Bit 14 set and 15 clear: the word is filled in, not left at 0 or 0xffff. */
const WORD_VALID = 0x4000;
/** Word 82 and 85: NOP, power management, SMART; no write cache. */
const FEATURES_OF_OLD: number = 1 << 14 | 1 << 3 | 1 << 0;
const PHYSICAL_SECTOR_MULTIPLE = 1 << 13;
const SECTORS_PER_PHYSICAL_SECTOR_LOG2 = 3;
const TRIM_SUPPORTED = 1 << 0;
/** Reads after TRIM return the same until the next write. */
const TRIM_DETERMINISTIC = 1 << 14;
/** And that is zeros. */
const TRIM_ZEROES = 1 << 5;
const NO_ROTATION = 1;
const INTEGRITY_SIGNATURE = 0xa5;

/** Overwrites the 512 bytes of `bytes` at `offset` with what is true of a device. */
export function encodeIdentify(
  bytes: Uint8Array,
  offset: number,
  facts: IdentifyFacts,
): void {
  const { sectorCount, identity } = facts;
  const block = bytes.subarray(offset, offset + SECTOR_SIZE);
  block.fill(0);
  const features = IdentifyFeature.Lba48 | IdentifyFeature.FlushCache |
    IdentifyFeature.FlushCacheExt;
  const lba28SectorCount = Math.min(sectorCount, LBA28_SECTOR_COUNT_MAX);
  putWord(block, IdentifyWord.General, GENERAL_FIXED_DEVICE);
  putWord(block, IdentifyWord.SpecificConfiguration, COMPLETE_AS_IT_IS);
  putGeometry(block, sectorCount);
  putText(block, IdentifyWord.Serial, SERIAL_LENGTH, identity.serial);
  putText(block, IdentifyWord.Firmware, FIRMWARE_LENGTH, identity.firmware);
  putText(block, IdentifyWord.Model, MODEL_LENGTH, identity.model);
  putWord(block, IdentifyWord.Multiple, MULTIPLE_NONE);
  putWord(block, IdentifyWord.Capabilities, CAPABILITY_LBA);
  putWord(block, IdentifyWord.CapabilitiesMore, WORD_VALID);
  putNumber(block, IdentifyWord.Lba28SectorCount, 2, lba28SectorCount);
  putWord(block, IdentifyWord.MajorVersion, MAJOR_VERSIONS);
  putWord(block, IdentifyWord.Supported, FEATURES_OF_OLD);
  putWord(block, IdentifyWord.Supported + 1, WORD_VALID | features);
  putWord(block, IdentifyWord.Supported + 2, WORD_VALID);
  putWord(block, IdentifyWord.Enabled, FEATURES_OF_OLD);
  putWord(block, IdentifyWord.Enabled + 1, features);
  putWord(block, IdentifyWord.Enabled + 2, WORD_VALID);
  putNumber(block, IdentifyWord.Lba48SectorCount, 4, sectorCount);
  putWord(
    block,
    IdentifyWord.PhysicalSector,
    WORD_VALID | PHYSICAL_SECTOR_MULTIPLE | SECTORS_PER_PHYSICAL_SECTOR_LOG2,
  );
  putWord(block, IdentifyWord.Alignment, WORD_VALID);
  putWord(block, IdentifyWord.RotationRate, NO_ROTATION);
  putTrim(block, facts.trim ?? "none");
  putIntegrity(block);
}

/** Decodes the 512 bytes at `offset`. */
export function decodeIdentify(
  bytes: Uint8Array,
  offset: number = 0,
): IdentifyDescription {
  const block = bytes.subarray(offset, offset + SECTOR_SIZE);
  if (block.length < SECTOR_SIZE) {
    throw new RangeError(
      `Cannot decode IDENTIFY: ${block.length} bytes, needs ${SECTOR_SIZE}`,
    );
  }
  const supported = getNumber(block, IdentifyWord.Supported + 1, 1);
  const lba48 = (supported & IdentifyFeature.Lba48) !== 0;
  const physical = getNumber(block, IdentifyWord.PhysicalSector, 1);
  const multiple = (physical & PHYSICAL_SECTOR_MULTIPLE) !== 0;
  const management = getNumber(block, IdentifyWord.DataSetManagement, 1);
  const additional = getNumber(block, IdentifyWord.AdditionalSupported, 1);
  return {
    serial: getText(block, IdentifyWord.Serial, SERIAL_LENGTH),
    firmware: getText(block, IdentifyWord.Firmware, FIRMWARE_LENGTH),
    model: getText(block, IdentifyWord.Model, MODEL_LENGTH),
    lba48,
    sectorCount: lba48
      ? getNumber(block, IdentifyWord.Lba48SectorCount, 4)
      : getNumber(block, IdentifyWord.Lba28SectorCount, 2),
    sectorsPerPhysicalSector: multiple ? 1 << (physical & 0x0f) : 1,
    trim: (management & TRIM_SUPPORTED) === 0
      ? "none"
      : (additional & TRIM_ZEROES) === 0
      ? "hint"
      : "zero",
  };
}

function putGeometry(block: Uint8Array, sectorCount: number): void {
  const cylinders = Math.min(
    CYLINDERS_MAX,
    Math.floor(sectorCount / (HEADS * SECTORS_PER_TRACK)),
  );
  putWord(block, IdentifyWord.Cylinders, cylinders);
  putWord(block, IdentifyWord.Heads, HEADS);
  putWord(block, IdentifyWord.SectorsPerTrack, SECTORS_PER_TRACK);
  putWord(block, IdentifyWord.Validity, GEOMETRY_VALID | WORDS_64_TO_70_VALID);
  const current = IdentifyWord.CurrentGeometry;
  putWord(block, current, cylinders);
  putWord(block, current + 1, HEADS);
  putWord(block, current + 2, SECTORS_PER_TRACK);
  putNumber(block, current + 3, 2, cylinders * HEADS * SECTORS_PER_TRACK);
}

function putTrim(block: Uint8Array, trim: TrimEffect): void {
  if (trim === "none") return;
  putWord(block, IdentifyWord.DataSetManagement, TRIM_SUPPORTED);
  putWord(block, IdentifyWord.TrimBlockCountMax, TRIM_BLOCK_COUNT_MAX);
  putWord(
    block,
    IdentifyWord.AdditionalSupported,
    TRIM_DETERMINISTIC | (trim === "zero" ? TRIM_ZEROES : 0),
  );
}

function putWord(block: Uint8Array, word: number, value: number): void {
  block[2 * word] = value;
  block[2 * word + 1] = value >>> 8;
}

function putNumber(
  block: Uint8Array,
  word: number,
  wordCount: number,
  value: number,
): void {
  for (let i = 0; i < wordCount; i++) {
    putWord(block, word + i, Math.floor(value / 2 ** (16 * i)) % 2 ** 16);
  }
}

/** ATA strings are padded with spaces and hold printable ASCII only. */
function putText(
  block: Uint8Array,
  word: number,
  length: number,
  text: string,
): void {
  const printable = text.replace(/[^\x20-\x7e]/g, "?").slice(0, length)
    .padEnd(length);
  for (let i = 0; i < length; i++) {
    block[2 * word + (i ^ 1)] = printable.charCodeAt(i);
  }
}

/** The checksum makes all 512 bytes add up to 0. */
function putIntegrity(block: Uint8Array): void {
  putWord(block, IdentifyWord.Integrity, INTEGRITY_SIGNATURE);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block[2 * IdentifyWord.Integrity + 1] = -sum;
}

function getNumber(block: Uint8Array, word: number, wordCount: number): number {
  let value = 0;
  for (let i = 2 * wordCount - 1; i >= 0; i--) {
    value = value * 256 + block[2 * word + i]!;
  }
  return value;
}

function getText(block: Uint8Array, word: number, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) {
    text += String.fromCharCode(block[2 * word + (i ^ 1)]!);
  }
  return text.trim();
}
