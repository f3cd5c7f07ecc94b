/**
 * A link as a server uses it: with the number of sectors its frames can carry
 * and with the knowledge whether something waits to be flushed.
 *
 * @module
 */

import { SECTOR_SIZE } from "./block_device.ts";
import { ATA_DATA_OFFSET } from "./ata.ts";
import type { Link } from "./link/link.ts";

/** A frame with whole blocks of 4096 bytes carries a multiple of this. */
const SECTORS_PER_BLOCK = 8;

/** Most sectors a query config response can promise in multiples of 8. */
export const SECTOR_COUNT_MAX = 128;

/** From 8 sectors on, cut to a multiple of 8, so that no frame straddles a block. */
export function wholeBlocks(sectorCount: number): number {
  return sectorCount < SECTORS_PER_BLOCK
    ? sectorCount
    : sectorCount - sectorCount % SECTORS_PER_BLOCK;
}

/**
 * Most sectors of one command on a link of this MTU, in whole blocks. The
 * subtraction is the one the Linux initiator makes; it leaves the 14 bytes of
 * the Ethernet header unused. 0 when not even one sector fits.
 */
export function sectorCountForMtu(mtu: number): number {
  const fitting = Math.floor((mtu - ATA_DATA_OFFSET) / SECTOR_SIZE);
  return wholeBlocks(Math.max(0, Math.min(fitting, SECTOR_COUNT_MAX)));
}

/** One link of a server. */
export class Port {
  /** The link. */
  readonly link: Link;
  /** Most sectors of one command that the link can carry. */
  readonly sectorCountMax: number;
  /**
   * Most sectors of one command that initiators on this interface were ever
   * told, when its MTU was larger: some may still have such a command on the
   * way, and repeat it as it was.
   */
  readonly sectorCountPromised: number;
  #unflushed = false;

  /**
   * Serves on `link`. `sectorCountPromised` is that of earlier ports on the
   * same interface, if there were any.
   *
   * @throws {RangeError} when the MTU leaves no room for one sector.
   */
  constructor(link: Link, sectorCountPromised = 0) {
    this.link = link;
    this.sectorCountMax = sectorCountForMtu(link.mtu);
    this.sectorCountPromised = Math.max(
      this.sectorCountMax,
      sectorCountPromised,
    );
    if (this.sectorCountMax === 0) {
      throw new RangeError(
        `Cannot serve on ${link.name}: its MTU of ${link.mtu} does not carry one sector, set it to ${
          SECTOR_SIZE + ATA_DATA_OFFSET
        } or more`,
      );
    }
  }

  /** Queues a frame; a closed link swallows it, as a network may. */
  send(frame: Uint8Array, length: number): void {
    if (this.link.closed) return;
    this.link.send(frame, length);
    this.#unflushed = true;
  }

  /** Sends what was queued since the last flush, if anything was. */
  flush(): void {
    if (!this.#unflushed) return;
    this.#unflushed = false;
    if (!this.link.closed) this.link.flush();
  }
}
