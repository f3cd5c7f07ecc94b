/**
 * A disk over one view: the head of a volume, which takes writes, or a past
 * state, which does not. Its shape is that of the AoE target's `BlockDevice`.
 *
 * @module
 */

import { BLOCK_SIZE, SECTORS_PER_BLOCK } from "../block_pool.ts";
import { type BlockView, SECTOR_SIZE, sectorMask } from "./block_view.ts";
import type { Fetcher } from "./fetcher.ts";
import { ReadAhead } from "./read_ahead.ts";

/** A run of sectors. */
export interface SectorRange {
  /** First sector. */
  readonly lba: number;
  /** Sectors, at least 1. */
  readonly sectorCount: number;
}

/** Names for IDENTIFY. */
export interface DeviceIdentity {
  /** Up to 40 characters. */
  readonly model: string;
  /** Up to 20 characters; another for each volume and each past state. */
  readonly serial: string;
  /** Up to 8 characters. */
  readonly firmware: string;
}

/** Told that every ticket up to and including `throughTicket` has settled. */
export type SettleListener = (throughTicket: number, ok: boolean) => void;

/** What a head does with writes; the archive front implements it. */
export interface WriteSide {
  /** Takes a write into overlay and journal; a ticket, or 0. */
  write(range: SectorRange, from: Uint8Array, offset: number): number;
  /** Resolves when a refused write may be tried again. */
  writable(): Promise<void>;
  /** True while what is shown is sure to be the present. */
  isPresent(): boolean;
  /** Resolves when it is sure again, if ever. */
  present(): Promise<void>;
}

/** Options of `Volume`. */
export interface VolumeOptions {
  /** The volume's name. */
  readonly name: string;
  /** For IDENTIFY. */
  readonly identity: DeviceIdentity;
  /** The state it shows. */
  readonly view: BlockView;
  /** Brings what is not at hand. */
  readonly fetcher: Fetcher;
  /** Present for a head. */
  readonly writes?: WriteSide;
  /** What FLUSH waits for, where it is not the journal. */
  readonly flush?: () => Promise<void>;
}

/** A disk of 512-byte sectors. */
export class Volume {
  /** The volume's name. */
  readonly name: string;
  /** Names for IDENTIFY. */
  readonly identity: DeviceIdentity;
  /** True for everything but the head of a volume. */
  readonly readOnly: boolean;
  /**
   * Resolves when all writes of before are in the store; present where FLUSH is
   * to wait for that.
   */
  readonly flush?: () => Promise<void>;
  #view: BlockView;
  #fetcher: Fetcher;
  readonly #writes: WriteSide | undefined;
  readonly #readAhead: ReadAhead;
  #listener: SettleListener | undefined;
  #lastTicket = 0;
  /** No ticket below is unsettled. */
  #oldestTicket = 0;

  /** A disk over an open view. */
  constructor(options: VolumeOptions) {
    this.name = options.name;
    this.identity = options.identity;
    this.readOnly = options.writes === undefined;
    this.#view = options.view;
    this.#fetcher = options.fetcher;
    this.#readAhead = new ReadAhead(options.fetcher.aheadMax);
    this.#writes = options.writes;
    if (options.flush !== undefined) this.flush = options.flush;
  }

  /**
   * From now on shows another state; for a disk that is only read.
   *
   * @internal
   */
  show(state: Pick<VolumeOptions, "view" | "fetcher">): void {
    this.#view = state.view;
    this.#fetcher = state.fetcher;
  }

  /** Sectors; a multiple of 8. */
  get sectorCount(): number {
    return this.#view.blockCount * SECTORS_PER_BLOCK;
  }

  /** The newest ticket handed out, 0 when none is unsettled. */
  get lastTicket(): number {
    return this.#lastTicket;
  }

  /**
   * Copies the sectors into `into` when all are at hand without waiting, and
   * says whether it did. On false, `into` may be partly overwritten.
   */
  readNow(range: SectorRange, into: Uint8Array, offset: number): boolean {
    if (this.#writes?.isPresent() === false) return false;
    const end = range.lba + range.sectorCount;
    let at = offset;
    let lba = range.lba;
    while (lba < end) {
      const first = lba % SECTORS_PER_BLOCK;
      const count = Math.min(SECTORS_PER_BLOCK - first, end - lba);
      const block = (lba - first) / SECTORS_PER_BLOCK;
      if (!this.#view.copyNow(block, first, count, into, at)) return false;
      at += count * SECTOR_SIZE;
      lba += count;
    }
    this.#lookAhead(range, false);
    return true;
  }

  /**
   * Copies the sectors into `into`, fetching what is not at hand. `into` is
   * borrowed until the promise settles. Rejects with a `DamagedBlockError`, or
   * with what ended the archive. While another server may have written, it
   * waits: for ever if one has.
   */
  read(range: SectorRange, into: Uint8Array, offset: number): Promise<void> {
    const writes = this.#writes;
    if (writes?.isPresent() === false) {
      return writes.present().then(() => this.read(range, into, offset));
    }
    // All of it from one state, whatever is shown meanwhile.
    const view = this.#view;
    const fetcher = this.#fetcher;
    return new Promise((resolve, reject) => {
      let waiting = 1;
      let failed = false;
      function settle(error?: Error): void {
        waiting--;
        if (error !== undefined) {
          failed = true;
          reject(error);
        } else if (waiting === 0) {
          resolve();
        }
      }
      const end = range.lba + range.sectorCount;
      for (let lba = range.lba; lba < end;) {
        const first = lba % SECTORS_PER_BLOCK;
        const count = Math.min(SECTORS_PER_BLOCK - first, end - lba);
        const block = (lba - first) / SECTORS_PER_BLOCK;
        const at = offset + (lba - range.lba) * SECTOR_SIZE;
        lba += count;
        if (view.copyNow(block, first, count, into, at)) continue;
        waiting++;
        fetcher.want(block, (error) => {
          // After a failure `into` is the caller's again.
          if (error === undefined && !failed) {
            view.copyNow(block, first, count, into, at);
          }
          settle(error);
        });
      }
      this.#lookAhead(range, waiting > 1);
      fetcher.flush();
      settle();
    });
  }

  /**
   * Takes the sectors, copying them; a ticket that settles later, or 0. Throws
   * a RangeError for sectors beyond the end, which a journal must never have.
   */
  write(range: SectorRange, from: Uint8Array, offset: number): number {
    if (this.#writes === undefined) {
      throw new TypeError(`Volume ${this.name} is served read-only`);
    }
    const { lba, sectorCount } = range;
    if (
      !(lba >= 0 && sectorCount > 0 && lba + sectorCount <= this.sectorCount)
    ) {
      throw new RangeError(
        `Sectors ${lba} to ${
          lba + sectorCount
        } are not all in volume ${this.name}, which has ${this.sectorCount}`,
      );
    }
    const ticket = this.#writes.write(range, from, offset);
    if (ticket > 0) {
      if (this.#lastTicket === 0) this.#oldestTicket = ticket;
      this.#lastTicket = ticket;
    }
    return ticket;
  }

  /** Resolves when a write that was refused with 0 may be tried again. */
  writable(): Promise<void> {
    return this.#writes === undefined
      ? Promise.resolve()
      : this.#writes.writable();
  }

  /** Registers the one listener for settled tickets. It must not throw. */
  onSettled(listener: SettleListener): void {
    this.#listener = listener;
  }

  /** Passes on that tickets settled; for the archive front. */
  settled(throughTicket: number, ok: boolean): void {
    if (this.#lastTicket === 0 || throughTicket < this.#oldestTicket) return;
    this.#oldestTicket = throughTicket + 1;
    if (throughTicket >= this.#lastTicket) this.#lastTicket = 0;
    this.#listener?.(throughTicket, ok);
  }

  #lookAhead(range: SectorRange, waited: boolean): void {
    const last = range.lba + range.sectorCount - 1;
    const ahead = this.#readAhead;
    const wanted = ahead.note(
      Math.floor(range.lba / SECTORS_PER_BLOCK),
      Math.floor(last / SECTORS_PER_BLOCK),
      waited,
    );
    if (!wanted) return;
    const end = Math.min(ahead.end, this.#view.blockCount);
    for (let block = ahead.start; block < end; block++) {
      if (this.#view.needsFetch(block)) this.#fetcher.hint(block);
    }
    this.#fetcher.flush();
  }
}

/** Copies a write into the overlay of a view, which has room for it. */
export function writeToOverlay(
  view: BlockView,
  bytes: Uint8Array,
  range: SectorRange,
  from: Uint8Array,
  offset: number,
): void {
  const { overlay } = view;
  if (overlay === undefined) throw new TypeError("The view is read-only");
  const end = range.lba + range.sectorCount;
  let at = offset;
  for (let lba = range.lba; lba < end;) {
    const first = lba % SECTORS_PER_BLOCK;
    const count = Math.min(SECTORS_PER_BLOCK - first, end - lba);
    const block = (lba - first) / SECTORS_PER_BLOCK;
    const slot = overlay.slotForWrite(block, sectorMask(first, count));
    const length = count * SECTOR_SIZE;
    const start = slot * BLOCK_SIZE + first * SECTOR_SIZE;
    bytes.set(from.subarray(at, at + length), start);
    at += length;
    lba += count;
  }
}

/** The blocks that a range of sectors touches. */
export function blockSpan(
  range: SectorRange,
): { readonly firstBlock: number; readonly lastBlock: number } {
  const last = range.lba + range.sectorCount - 1;
  return {
    firstBlock: Math.floor(range.lba / SECTORS_PER_BLOCK),
    lastBlock: Math.floor(last / SECTORS_PER_BLOCK),
  };
}
