/**
 * A disk in memory that takes memory as it is written, and is lost with the
 * process.
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

const PIECE_SECTORS = 512;
const PIECE_BYTES: number = PIECE_SECTORS * SECTOR_SIZE;

/** Options of a disk in memory. */
export interface SparseMemoryDeviceOptions {
  /** Sectors, a positive multiple of 8. */
  readonly sectorCount: number;
  /** Refuse writes. */
  readonly readOnly: boolean;
  /** Names for IDENTIFY. */
  readonly identity: DeviceIdentity;
}

/** A disk in memory. Tickets settle in the next microtask. */
export class SparseMemoryDevice implements BlockDevice {
  /** Whether the target refuses writes. */
  readonly readOnly: boolean;
  /** Names for IDENTIFY. */
  readonly identity: DeviceIdentity;
  readonly #pieces: Map<number, Uint8Array> = new Map();
  #sectorCount: number;
  #listener: SettleListener | undefined;
  #ticket = 0;
  #settledTicket = 0;

  /** A disk of zeros. */
  constructor(options: SparseMemoryDeviceOptions) {
    this.#sectorCount = options.sectorCount;
    this.readOnly = options.readOnly;
    this.identity = options.identity;
  }

  /** Sectors; see `grow`. */
  get sectorCount(): number {
    return this.#sectorCount;
  }

  /** The newest ticket, or 0 when every ticket has settled. */
  get lastTicket(): number {
    return this.#ticket === this.#settledTicket ? 0 : this.#ticket;
  }

  /** Makes it larger; a smaller size is ignored. */
  grow(sectorCount: number): void {
    this.#sectorCount = Math.max(this.#sectorCount, sectorCount);
  }

  /** Copies the sectors; everything is at hand. */
  readNow(range: SectorRange, into: Uint8Array, offset: number): boolean {
    for (const part of partsOf(range)) {
      const at = offset + (part.lba - range.lba) * SECTOR_SIZE;
      const end = at + part.sectorCount * SECTOR_SIZE;
      const bytes = this.#bytesOf(part);
      if (bytes === undefined) into.fill(0, at, end);
      else into.set(bytes, at);
    }
    return true;
  }

  /** Copies the sectors. */
  read(range: SectorRange, into: Uint8Array, offset: number): Promise<void> {
    this.readNow(range, into, offset);
    return Promise.resolve();
  }

  /** Takes the sectors; there is always room. */
  write(range: SectorRange, from: Uint8Array, offset: number): number {
    for (const part of partsOf(range)) {
      const at = offset + (part.lba - range.lba) * SECTOR_SIZE;
      const number = Math.floor(part.lba / PIECE_SECTORS);
      if (!this.#pieces.has(number)) {
        this.#pieces.set(number, new Uint8Array(PIECE_BYTES));
      }
      this.#bytesOf(part)?.set(
        from.subarray(at, at + part.sectorCount * SECTOR_SIZE),
      );
    }
    if (this.lastTicket === 0) queueMicrotask(() => this.#settle());
    return ++this.#ticket;
  }

  /** Resolves at once. */
  writable(): Promise<void> {
    return Promise.resolve();
  }

  /** Registers the one listener. */
  onSettled(listener: SettleListener): void {
    this.#listener = listener;
  }

  #settle(): void {
    this.#settledTicket = this.#ticket;
    this.#listener?.(this.#ticket, true);
  }

  /** The bytes of a range inside one piece; undefined where nothing was written. */
  #bytesOf(part: SectorRange): Uint8Array | undefined {
    const start = part.lba % PIECE_SECTORS * SECTOR_SIZE;
    return this.#pieces.get(Math.floor(part.lba / PIECE_SECTORS))
      ?.subarray(start, start + part.sectorCount * SECTOR_SIZE);
  }
}

/** The range, cut at the pieces' borders. */
function partsOf(range: SectorRange): SectorRange[] {
  const parts: SectorRange[] = [];
  const end = range.lba + range.sectorCount;
  let lba = range.lba;
  while (lba < end) {
    const pieceEnd = (Math.floor(lba / PIECE_SECTORS) + 1) * PIECE_SECTORS;
    const sectorCount = Math.min(end, pieceEnd) - lba;
    parts.push({ lba, sectorCount });
    lba += sectorCount;
  }
  return parts;
}
