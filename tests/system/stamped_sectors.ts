/**
 * A model of a disk that is written while its server dies: every sector's
 * bytes follow from its address and the number of the write, so that any
 * sector read back tells which write it is from, and whether it is torn.
 */

import { SECTOR_SIZE, type SectorRange } from "../../aoe/block_device.ts";

const WORDS_PER_SECTOR: number = SECTOR_SIZE / 4;

/** What was written to a disk, and what of it was acknowledged. */
export class StampedSectors {
  /** Number of the newest acknowledged write of each sector; 0 is none. */
  readonly #acknowledged: Uint32Array;
  /** Number of the newest write issued to each sector. */
  readonly #issued: Uint32Array;
  #writeCount = 0;

  /** A disk of zeros. */
  constructor(sectorCount: number) {
    this.#acknowledged = new Uint32Array(sectorCount);
    this.#issued = new Uint32Array(sectorCount);
  }

  /** Bytes for the next write of a range, and its number. */
  issue(range: SectorRange): { readonly bytes: Uint8Array; number: number } {
    const number = ++this.#writeCount;
    const bytes = new Uint8Array(range.sectorCount * SECTOR_SIZE);
    for (let i = 0; i < range.sectorCount; i++) {
      this.#issued[range.lba + i] = number;
      stamp(bytes, i, range.lba + i, number);
    }
    return { bytes, number };
  }

  /** Notes that the write with this number was acknowledged. */
  acknowledge(range: SectorRange, number: number): void {
    for (let i = 0; i < range.sectorCount; i++) {
      this.#acknowledged[range.lba + i] = number;
    }
  }

  /**
   * Compares bytes read from the disk. The sector must be whole, from the
   * newest acknowledged write or from one issued after it. What is found
   * becomes the state from which the model goes on.
   *
   * @throws {Error} that names the first sector that is wrong, and how.
   */
  verify(range: SectorRange, bytes: Uint8Array): void {
    const expected = new Uint8Array(SECTOR_SIZE);
    for (let i = 0; i < range.sectorCount; i++) {
      const lba = range.lba + i;
      const sector = bytes.subarray(i * SECTOR_SIZE, (i + 1) * SECTOR_SIZE);
      const number = words(sector, 0)[1] ?? 0;
      if (number !== 0) stamp(expected, 0, lba, number);
      else expected.fill(0);
      if (!sector.every((byte, at) => byte === expected[at])) {
        throw new Error(`Sector ${lba} is torn: it begins as write ${number}`);
      }
      const oldest = this.#acknowledged[lba] ?? 0;
      const newest = this.#issued[lba] ?? 0;
      if (number < oldest || number > newest) {
        throw new Error(
          `Sector ${lba} holds write ${number}, not one of ${oldest} to ${newest}`,
        );
      }
      this.#acknowledged[lba] = number;
      this.#issued[lba] = number;
    }
  }
}

function stamp(
  bytes: Uint8Array,
  index: number,
  lba: number,
  number: number,
): void {
  const sector = words(bytes, index);
  sector[0] = lba;
  sector[1] = number;
  let state = (lba * 0x9e3779b1 ^ number * 0x85ebca6b) >>> 0 || 1;
  for (let i = 2; i < WORDS_PER_SECTOR; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    // Half of each sector compresses, so that both codecs are used.
    sector[i] = i % 2 === 0 ? state : number;
  }
}

function words(bytes: Uint8Array, index: number): Uint32Array {
  const start = bytes.byteOffset + index * SECTOR_SIZE;
  return start % 4 === 0
    ? new Uint32Array(bytes.buffer, start, WORDS_PER_SECTOR)
    : new Uint32Array(
      bytes.slice(index * SECTOR_SIZE, (index + 1) * SECTOR_SIZE).buffer,
    );
}
