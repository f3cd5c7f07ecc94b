/**
 * Writes that are made durable together: their bytes in the order of arrival,
 * neighbours joined, so that many frames become few calls of the system.
 *
 * @module
 */

import type { SectorRange } from "../aoe/block_device.ts";
import { SECTOR_SIZE } from "../aoe/block_device.ts";

/** Neighbouring sectors of a batch. */
export interface WriteRun {
  /** First sector. */
  readonly lba: number;
  /** Sectors. */
  sectorCount: number;
  /** Where the bytes begin in the batch's buffer. */
  readonly offset: number;
}

/** A batch. It owns its bytes, and is used again once it is empty. */
export class WriteBatch {
  /** The bytes of all runs, one after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #runs: WriteRun[] = [];
  #byteCount = 0;

  /** An empty batch of up to `byteCountMax` bytes. */
  constructor(byteCountMax: number) {
    this.bytes = new Uint8Array(byteCountMax);
  }

  /** The runs, in the order in which they have to be written. */
  get runs(): readonly WriteRun[] {
    return this.#runs;
  }

  /** True when it holds no write. */
  get isEmpty(): boolean {
    return this.#runs.length === 0;
  }

  /** Copies a write; false, taking nothing, when there is no room. */
  append(range: SectorRange, from: Uint8Array, offset: number): boolean {
    const byteCount = range.sectorCount * SECTOR_SIZE;
    const at = this.#byteCount;
    if (at + byteCount > this.bytes.length) return false;
    this.bytes.set(from.subarray(offset, offset + byteCount), at);
    this.#byteCount += byteCount;
    const last = this.#runs.at(-1);
    if (last !== undefined && last.lba + last.sectorCount === range.lba) {
      last.sectorCount += range.sectorCount;
    } else {
      this.#runs.push({
        lba: range.lba,
        sectorCount: range.sectorCount,
        offset: at,
      });
    }
    return true;
  }

  /** Overwrites those sectors of `into` that the batch holds newer bytes of. */
  patch(range: SectorRange, into: Uint8Array, offset: number): void {
    for (const run of this.#runs) {
      const shared = overlap(run, range);
      if (shared.sectorCount === 0) continue;
      const start = offsetIn(run, shared.lba);
      into.set(
        this.bytes.subarray(start, start + shared.sectorCount * SECTOR_SIZE),
        offset + (shared.lba - range.lba) * SECTOR_SIZE,
      );
    }
  }

  /** Bytes that the batch holds of these sectors, repeats included. */
  overlapBytes(range: SectorRange): number {
    let byteCount = 0;
    for (const run of this.#runs) {
      byteCount += overlap(run, range).sectorCount * SECTOR_SIZE;
    }
    return byteCount;
  }

  /** Appends what the batch holds of these sectors to another. */
  copyOverlap(range: SectorRange, to: WriteBatch): void {
    for (const run of this.#runs) {
      const shared = overlap(run, range);
      if (shared.sectorCount === 0) continue;
      to.append(shared, this.bytes, offsetIn(run, shared.lba));
    }
  }

  /** Forgets all writes. */
  clear(): void {
    this.#runs.length = 0;
    this.#byteCount = 0;
  }
}

/** The sectors that both have; a count of 0 when there are none. */
function overlap(run: WriteRun, range: SectorRange): SectorRange {
  const lba = Math.max(run.lba, range.lba);
  const end = Math.min(
    run.lba + run.sectorCount,
    range.lba + range.sectorCount,
  );
  return { lba, sectorCount: Math.max(0, end - lba) };
}

function offsetIn(run: WriteRun, lba: number): number {
  return run.offset + (lba - run.lba) * SECTOR_SIZE;
}
