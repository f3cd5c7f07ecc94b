/**
 * A set of sectors that takes memory for what it holds, not for the size of
 * the disk: a bit for each sector of the 16 MiB pieces that have any.
 *
 * @module
 */

import type { SectorRange } from "../aoe/block_device.ts";

const PIECE_SECTORS: number = 32 * 1024;

/** A set of sectors. */
export class SectorSet {
  readonly #pieces: Map<number, Uint8Array> = new Map();

  /** Adds every sector of a range. */
  add(range: SectorRange): void {
    const end = range.lba + range.sectorCount;
    for (let lba = range.lba; lba < end; lba++) {
      const number = Math.floor(lba / PIECE_SECTORS);
      let piece = this.#pieces.get(number);
      if (piece === undefined) {
        piece = new Uint8Array(PIECE_SECTORS / 8);
        this.#pieces.set(number, piece);
      }
      const bit = lba % PIECE_SECTORS;
      piece[bit >>> 3] = piece[bit >>> 3]! | 1 << (bit & 7);
    }
  }

  /** Whether a sector is in the set. */
  has(lba: number): boolean {
    const piece = this.#pieces.get(Math.floor(lba / PIECE_SECTORS));
    if (piece === undefined) return false;
    const bit = lba % PIECE_SECTORS;
    return (piece[bit >>> 3]! >>> (bit & 7) & 1) === 1;
  }

  /** How many sectors from the start of a range on are alike: all in, or all out. */
  alikeCount(range: SectorRange): number {
    const first = this.has(range.lba);
    let count = 1;
    while (
      count < range.sectorCount && this.has(range.lba + count) === first
    ) count++;
    return count;
  }
}
