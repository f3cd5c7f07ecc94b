/**
 * A disk in memory, lost with the process. For tests, benchmarks of everything
 * but storage, and disks that need not last.
 *
 * @module
 */

import {
  type BlockDevice,
  type DeviceIdentity,
  SECTOR_SIZE,
  type SectorRange,
  type SettleListener,
} from "./block_device.ts";

/** Options of a memory device. */
export interface MemoryDeviceOptions {
  /** Sectors, a positive multiple of 8. */
  readonly sectorCount: number;
  /** Refuse writes, false by default. */
  readonly readOnly?: boolean;
  /** Names for IDENTIFY. */
  readonly identity?: DeviceIdentity;
}

const SECTORS_PER_BLOCK = 8;

/** A disk in memory. Tickets settle in the next microtask. */
export class MemoryDevice implements BlockDevice {
  /** Whether the target refuses writes. */
  readonly readOnly: boolean;
  /** Names for IDENTIFY. */
  readonly identity: DeviceIdentity;
  #bytes: Uint8Array;
  readonly #settle: () => void;
  #listener: SettleListener | undefined;
  #ticket = 0;
  #settledTicket = 0;

  /** A disk of zeros. */
  constructor(options: MemoryDeviceOptions) {
    const { sectorCount } = options;
    requireSectorCount(sectorCount, "make");
    this.readOnly = options.readOnly ?? false;
    this.identity = options.identity ??
      { model: "Deepshelf memory disk", serial: "memory", firmware: "1" };
    this.#bytes = new Uint8Array(sectorCount * SECTOR_SIZE);
    this.#settle = () => {
      this.#settledTicket = this.#ticket;
      this.#listener?.(this.#ticket, true);
    };
  }

  /** Sectors. */
  get sectorCount(): number {
    return this.#bytes.length / SECTOR_SIZE;
  }

  /**
   * Adds sectors of zeros at the end. `AoeServer.advertise` tells initiators.
   *
   * @throws {RangeError} when `sectorCount` is smaller than it is now.
   */
  grow(sectorCount: number): void {
    requireSectorCount(sectorCount, "grow");
    if (sectorCount < this.sectorCount) {
      throw new RangeError(
        `Cannot grow memory device to ${sectorCount} sectors: it has ${this.sectorCount}`,
      );
    }
    const bytes = new Uint8Array(sectorCount * SECTOR_SIZE);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }

  /** The newest ticket, or 0 when every ticket has settled. */
  get lastTicket(): number {
    return this.#ticket === this.#settledTicket ? 0 : this.#ticket;
  }

  /** Copies the sectors; everything is at hand. */
  readNow(range: SectorRange, into: Uint8Array, offset: number): boolean {
    into.set(this.#sectors(range), offset);
    return true;
  }

  /** Copies the sectors. */
  read(range: SectorRange, into: Uint8Array, offset: number): Promise<void> {
    this.readNow(range, into, offset);
    return Promise.resolve();
  }

  /** Takes the sectors; there is always room. */
  write(range: SectorRange, from: Uint8Array, offset: number): number {
    this.#sectors(range).set(
      from.subarray(offset, offset + range.sectorCount * SECTOR_SIZE),
    );
    return this.#takeTicket();
  }

  /** Fills the sectors with zeros. */
  trim(range: SectorRange): number {
    this.#sectors(range).fill(0);
    return this.#takeTicket();
  }

  /** Resolves at once. */
  writable(): Promise<void> {
    return Promise.resolve();
  }

  /** Registers the one listener. */
  onSettled(listener: SettleListener): void {
    this.#listener = listener;
  }

  #takeTicket(): number {
    if (this.lastTicket === 0) queueMicrotask(this.#settle);
    return ++this.#ticket;
  }

  #sectors(range: SectorRange): Uint8Array {
    const start = range.lba * SECTOR_SIZE;
    return this.#bytes.subarray(
      start,
      start + range.sectorCount * SECTOR_SIZE,
    );
  }
}

function requireSectorCount(sectorCount: number, action: string): void {
  if (
    Number.isSafeInteger(sectorCount) && sectorCount > 0 &&
    sectorCount % SECTORS_PER_BLOCK === 0
  ) {
    return;
  }
  throw new RangeError(
    `Cannot ${action} memory device: ${sectorCount} sectors, use a positive multiple of ${SECTORS_PER_BLOCK}`,
  );
}
