/**
 * What an AoE target needs of a disk. `aoe/` declares it and imports nothing
 * else; whoever stores the sectors implements it.
 *
 * Reads and writes are split into a part that never waits and a part that may,
 * because the frame loop must answer from memory without a promise per frame.
 *
 * @module
 */

/** Bytes of a sector, the unit of every ATA address and count. */
export const SECTOR_SIZE = 512;

/** A run of sectors. Numbers travel together so that they cannot be swapped. */
export interface SectorRange {
  /** First sector, 0 to 2^48 - 1. */
  readonly lba: number;
  /** Sectors, at least 1. */
  readonly sectorCount: number;
}

/** What IDENTIFY tells of a disk (ATA strings, ASCII, cut where too long). */
export interface DeviceIdentity {
  /** Up to 40 characters. */
  readonly model: string;
  /** Up to 20 characters; stable for a volume, another for each snapshot. */
  readonly serial: string;
  /** Up to 8 characters. */
  readonly firmware: string;
}

/**
 * Told that writes settled: every ticket up to and including `throughTicket`
 * that had not settled before now has, with this outcome. `ok` false means
 * that those writes could not be made durable.
 */
export type SettleListener = (throughTicket: number, ok: boolean) => void;

/**
 * A disk of 512-byte sectors.
 *
 * Invariants an implementation keeps:
 * - a read sees every write whose ticket was handed out before it;
 * - writes to one sector take effect in the order of the calls;
 * - a ticket settles with `ok` only when its bytes survive power loss;
 * - tickets of one device ascend (other devices may own the numbers between)
 *   and settle in order.
 */
export interface BlockDevice {
  /** Sectors; a multiple of 8. May grow while serving, never shrinks. */
  readonly sectorCount: number;
  /** Writes are refused by the target before they come here. */
  readonly readOnly: boolean;
  /** Names for IDENTIFY. */
  readonly identity: DeviceIdentity;

  /**
   * Copies the sectors into `into` at `offset` when all are at hand without
   * waiting, and says whether it did. The range lies inside the device. On
   * false, `into` may be partly overwritten.
   */
  readNow(range: SectorRange, into: Uint8Array, offset: number): boolean;

  /**
   * Copies the sectors into `into` at `offset`, fetching what is not at hand.
   * `into` is borrowed until the promise settles. Rejects when a sector cannot
   * be read or does not verify; `into` then holds nothing to be trusted.
   */
  read(range: SectorRange, into: Uint8Array, offset: number): Promise<void>;

  /**
   * Takes the sectors from `from` at `offset`, copying them before it returns,
   * and hands out a ticket above 0 that settles later; or returns 0 and takes
   * nothing when there is no room: then wait for `writable()` and try again.
   */
  write(range: SectorRange, from: Uint8Array, offset: number): number;

  /**
   * Makes the sectors read as zeros, from now on and after power loss; ordered
   * and acknowledged like a write: a ticket, or 0 when there is no room. Absent
   * where there is no better way than to write zeros: the target then accepts
   * TRIM as the hint it is, and changes nothing.
   */
  trim?(range: SectorRange): number;

  /** Resolves when a write that was refused with 0 may be tried again. */
  writable(): Promise<void>;

  /**
   * Resolves when all writes of before are where FLUSH CACHE is to bring them;
   * that may take long. Absent where a settled ticket is all that FLUSH waits
   * for.
   */
  flush?(): Promise<void>;

  /** The newest ticket handed out: once it has settled, all writes before now have. 0 when none is unsettled. */
  readonly lastTicket: number;

  /**
   * Registers the one listener for settled tickets. It must not throw. It is
   * never called from within `write`, whose caller does not know the ticket yet.
   */
  onSettled(listener: SettleListener): void;
}
