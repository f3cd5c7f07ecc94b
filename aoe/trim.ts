/**
 * The data of DATA SET MANAGEMENT with TRIM (ACS-2 section 7.5): ranges of
 * sectors whose content is needed no more.
 *
 * ```text
 *   0      1      2      3      4      5      6      7
 *  +------+------+------+------+------+------+------+------+
 *  |     LBA, least significant byte first   | sectors, same
 *  +------+------+------+------+------+------+------+------+
 * ```
 *
 * 64 entries fill one block of 512 bytes; an entry of 0 sectors is empty.
 *
 * @module
 */

import { ATA_DATA_OFFSET } from "./ata.ts";
import { SECTOR_SIZE, type SectorRange } from "./block_device.ts";

/** Blocks of 512 bytes with ranges that one command may carry. */
export const TRIM_BLOCK_COUNT_MAX = 1;

/** Most sectors of one entry. */
const TRIM_SECTOR_COUNT_MAX = 0xffff;

const ENTRY_LENGTH = 6 + 2;
const COUNT_OFFSET = 6;

/** Entries that one command carries. */
export const TRIM_ENTRY_COUNT: number = TRIM_BLOCK_COUNT_MAX * SECTOR_SIZE /
  ENTRY_LENGTH;

/** Reads an entry of a frame into `range`; its `sectorCount` may be 0. */
export function readTrimEntry(
  frame: Uint8Array,
  index: number,
  range: { lba: number; sectorCount: number },
): void {
  const at = ATA_DATA_OFFSET + index * ENTRY_LENGTH;
  let lba = 0;
  for (let i = COUNT_OFFSET - 1; i >= 0; i--) lba = lba * 256 + frame[at + i]!;
  range.lba = lba;
  range.sectorCount = frame[at + COUNT_OFFSET]! |
    frame[at + COUNT_OFFSET + 1]! << 8;
}

/** Makes an entry of a frame empty. */
export function clearTrimEntry(frame: Uint8Array, index: number): void {
  const at = ATA_DATA_OFFSET + index * ENTRY_LENGTH;
  frame.fill(0, at, at + ENTRY_LENGTH);
}

/**
 * Makes the 512 bytes of data that trim `ranges`.
 *
 * @throws {RangeError} when there are more than 64, or one has more than 65535
 * sectors.
 */
export function encodeTrimRanges(ranges: readonly SectorRange[]): Uint8Array {
  const tooLong = ranges.find((range) =>
    range.sectorCount > TRIM_SECTOR_COUNT_MAX
  );
  if (ranges.length > TRIM_ENTRY_COUNT || tooLong !== undefined) {
    throw new RangeError(
      `Cannot trim ${ranges.length} ranges, the longest of ${
        Math.max(...ranges.map((range) => range.sectorCount))
      } sectors: use up to ${TRIM_ENTRY_COUNT} of up to ${TRIM_SECTOR_COUNT_MAX}`,
    );
  }
  const bytes = new Uint8Array(TRIM_BLOCK_COUNT_MAX * SECTOR_SIZE);
  ranges.forEach(({ lba, sectorCount }, index) => {
    const at = index * ENTRY_LENGTH;
    for (let i = 0; i < COUNT_OFFSET; i++) {
      bytes[at + i] = Math.floor(lba / 2 ** (8 * i));
    }
    bytes[at + COUNT_OFFSET] = sectorCount;
    bytes[at + COUNT_OFFSET + 1] = sectorCount >>> 8;
  });
  return bytes;
}
