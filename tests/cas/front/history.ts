/**
 * What was written to one disk, in order, and what of it was acknowledged: the
 * judge of every test that loses power.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Volume } from "../../../cas/front/volume.ts";
import { stamped, stampOf } from "./fixtures.ts";

/** For each sector, which of its writes could be found. */
export interface Bounds {
  /** Index of the newest acknowledged write; -1 for none. */
  readonly oldest: Int32Array;
  /** Index of the newest issued write; -1 for none. */
  readonly newest: Int32Array;
}

interface Pending {
  readonly ticket: number;
  readonly lba: number;
  readonly sectorCount: number;
  readonly indexes: number[];
}

let nextStamp = 1;

export class History {
  readonly #volume: Volume;
  /** Stamps of each sector's writes. */
  readonly #stamps: number[][];
  readonly #acknowledged: Int32Array;
  #pending: Pending[] = [];
  failedCount = 0;
  settledTickets: number[] = [];

  constructor(volume: Volume) {
    this.#volume = volume;
    this.#stamps = Array.from({ length: volume.sectorCount }, () => []);
    this.#acknowledged = new Int32Array(volume.sectorCount).fill(-1);
    volume.onSettled((through, ok) => this.#settle(through, ok));
  }

  /** Writes sectors with a stamp of their own; false when there is no room. */
  write(lba: number, sectorCount: number): boolean {
    const stamp = nextStamp++;
    const bytes = stamped(stamp, sectorCount);
    const ticket = this.#volume.write({ lba, sectorCount }, bytes, 0);
    // The caller's buffer is its own again.
    bytes.fill(0xee);
    if (ticket === 0) return false;
    const indexes: number[] = [];
    for (let sector = lba; sector < lba + sectorCount; sector++) {
      indexes.push((this.#stamps[sector] as number[]).push(stamp) - 1);
    }
    this.#pending.push({ ticket, lba, sectorCount, indexes });
    return true;
  }

  get unsettledCount(): number {
    return this.#pending.length;
  }

  bounds(): Bounds {
    return {
      oldest: this.#acknowledged.slice(),
      newest: Int32Array.from(this.#stamps, (stamps) => stamps.length - 1),
    };
  }

  /** Reads the whole disk and compares. */
  async check(volume: Volume, bounds: Bounds, where: string): Promise<void> {
    const bytes = new Uint8Array(volume.sectorCount * 512);
    await volume.read({ lba: 0, sectorCount: volume.sectorCount }, bytes, 0);
    for (let sector = 0; sector < volume.sectorCount; sector++) {
      const stamp = stampOf(bytes, sector);
      const oldest = bounds.oldest[sector] as number;
      const newest = bounds.newest[sector] as number;
      const stamps = this.#stamps[sector] as number[];
      const index = stamp === 0 ? -1 : stamps.indexOf(stamp);
      const known = stamp === 0 || index >= 0;
      assert.ok(
        known && index >= oldest && index <= newest,
        `${where}: sector ${sector} holds ${stamp}, write ${index} of [${stamps}], not one of ${oldest}..${newest}`,
      );
    }
  }

  /** The disk as its clients see it now: every write issued. */
  async checkNow(): Promise<void> {
    const { newest } = this.bounds();
    await this.check(this.#volume, { oldest: newest, newest }, "now");
  }

  #settle(through: number, ok: boolean): void {
    this.settledTickets.push(through);
    const settled = this.#pending.filter((one) => one.ticket <= through);
    this.#pending = this.#pending.filter((one) => one.ticket > through);
    for (const one of settled) {
      if (!ok) {
        this.failedCount++;
        continue;
      }
      for (let at = 0; at < one.sectorCount; at++) {
        this.#acknowledged[one.lba + at] = one.indexes[at] as number;
      }
    }
  }
}
