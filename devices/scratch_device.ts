/**
 * A writable disk over one that must not change: sectors that were written are
 * read from `changes`, all others from `base`.
 *
 * @module
 */

import {
  type BlockDevice,
  type DeviceIdentity,
  SECTOR_SIZE,
  type SectorRange,
  type SettleListener,
} from "../aoe/block_device.ts";
import { SectorSet } from "./sector_set.ts";

/** What a scratch disk is made of. */
export interface ScratchDeviceOptions {
  /** Where unchanged sectors are; never written to. */
  readonly base: BlockDevice;
  /** Where changed sectors go: as large as `base`, writable, ours alone. */
  readonly changes: BlockDevice;
  /** Names for IDENTIFY: it is another disk than `base`. */
  readonly identity: DeviceIdentity;
}

/** A writable disk over a read-only one. */
export class ScratchDevice implements BlockDevice {
  /** Sectors. */
  readonly sectorCount: number;
  /** Never. */
  readonly readOnly: boolean = false;
  /** Names for IDENTIFY. */
  readonly identity: DeviceIdentity;
  readonly #base: BlockDevice;
  readonly #changes: BlockDevice;
  readonly #changed: SectorSet = new SectorSet();

  /** A disk that reads as `base` does. */
  constructor(options: ScratchDeviceOptions) {
    this.sectorCount = options.base.sectorCount;
    this.identity = options.identity;
    this.#base = options.base;
    this.#changes = options.changes;
  }

  /** The newest unsettled ticket, or 0. */
  get lastTicket(): number {
    return this.#changes.lastTicket;
  }

  /** Copies the sectors when both sides have them at hand. */
  readNow(range: SectorRange, into: Uint8Array, offset: number): boolean {
    for (const part of this.#parts(range)) {
      const at = offset + (part.lba - range.lba) * SECTOR_SIZE;
      if (!this.#sideOf(part).readNow(part, into, at)) return false;
    }
    return true;
  }

  /** Reads each sector from where it is. */
  async read(
    range: SectorRange,
    into: Uint8Array,
    offset: number,
  ): Promise<void> {
    // The sides are chosen, and asked, before anything is waited for.
    const reads = this.#parts(range).map((part) => {
      const at = offset + (part.lba - range.lba) * SECTOR_SIZE;
      return this.#sideOf(part).read(part, into, at);
    });
    // `into` is ours to fill until the last of them has ended.
    const results = await Promise.allSettled(reads);
    for (const result of results) {
      if (result.status === "rejected") throw result.reason;
    }
  }

  /** Takes the sectors into `changes`. */
  write(range: SectorRange, from: Uint8Array, offset: number): number {
    const ticket = this.#changes.write(range, from, offset);
    if (ticket !== 0) this.#changed.add(range);
    return ticket;
  }

  /** Resolves when `changes` has room. */
  writable(): Promise<void> {
    return this.#changes.writable();
  }

  /** Registers the one listener. */
  onSettled(listener: SettleListener): void {
    this.#changes.onSettled(listener);
  }

  /** The range, cut wherever the side changes. */
  #parts(range: SectorRange): SectorRange[] {
    const parts: SectorRange[] = [];
    const end = range.lba + range.sectorCount;
    let lba = range.lba;
    while (lba < end) {
      const sectorCount = this.#changed.alikeCount({
        lba,
        sectorCount: end - lba,
      });
      parts.push({ lba, sectorCount });
      lba += sectorCount;
    }
    return parts;
  }

  #sideOf(part: SectorRange): BlockDevice {
    return this.#changed.has(part.lba) ? this.#changes : this.#base;
  }
}
