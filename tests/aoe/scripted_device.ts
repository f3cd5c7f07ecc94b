/**
 * A device whose every decision is the test's: when tickets settle and how,
 * whether there is room, whether sectors are at hand.
 *
 * @module
 */

import {
  type BlockDevice,
  type DeviceIdentity,
  SECTOR_SIZE,
  type SectorRange,
  type SettleListener,
} from "../../aoe/mod.ts";

/** A read that waits for the test. */
export interface WaitingRead {
  readonly range: SectorRange;
  readonly succeed: () => void;
  readonly fail: () => void;
}

export class ScriptedDevice implements BlockDevice {
  sectorCount: number;
  readOnly = false;
  identity: DeviceIdentity = { model: "M", serial: "S", firmware: "F" };
  /** Writes that will be taken before there is no room. */
  room: number = Infinity;
  /** Whether sectors are at hand. */
  atHand = true;
  /** The writes taken: "lba:count:first byte". */
  readonly taken: string[] = [];
  readonly waitingReads: WaitingRead[] = [];
  readonly bytes: Uint8Array;
  #listener: SettleListener = () => {};
  #ticket = 0;
  #settled = 0;
  #writable: PromiseWithResolvers<void> | undefined;

  constructor(sectorCount: number = 1024) {
    this.sectorCount = sectorCount;
    this.bytes = new Uint8Array(sectorCount * SECTOR_SIZE);
  }

  get lastTicket(): number {
    return this.#ticket === this.#settled ? 0 : this.#ticket;
  }

  readNow(range: SectorRange, into: Uint8Array, offset: number): boolean {
    if (this.atHand) this.#copy(range, into, offset);
    // What the contract allows on false: garbage.
    else into.fill(0xee, offset, offset + 8);
    return this.atHand;
  }

  read(range: SectorRange, into: Uint8Array, offset: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.waitingReads.push({
      range,
      succeed: () => {
        this.#copy(range, into, offset);
        resolve();
      },
      fail: () => reject(new Error("sector does not verify")),
    });
    return promise;
  }

  write(range: SectorRange, from: Uint8Array, offset: number): number {
    if (this.room === 0) return 0;
    this.room--;
    this.taken.push(`${range.lba}:${range.sectorCount}:${from[offset]}`);
    this.bytes.set(
      from.subarray(offset, offset + range.sectorCount * SECTOR_SIZE),
      range.lba * SECTOR_SIZE,
    );
    // Other devices own the numbers between.
    return this.#ticket += 3;
  }

  writable(): Promise<void> {
    this.#writable ??= Promise.withResolvers();
    return this.#writable.promise;
  }

  onSettled(listener: SettleListener): void {
    this.#listener = listener;
  }

  /** Settles all but the newest `exceptCount` tickets. */
  async settle(ok: boolean, exceptCount: number = 0): Promise<void> {
    this.#settled = this.#ticket - 3 * exceptCount;
    // One more, as if it were another device's ticket.
    this.#listener(this.#settled + 1, ok);
    await Promise.resolve();
  }

  /** Makes room for some writes and says so. */
  async makeRoom(writeCount: number): Promise<void> {
    this.room = writeCount;
    this.#writable?.resolve();
    this.#writable = undefined;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** Gives up on writes for ever. */
  async breakDown(): Promise<void> {
    this.#writable?.reject(new Error("journal is gone"));
    this.#writable = undefined;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  #copy(range: SectorRange, into: Uint8Array, offset: number): void {
    const start = range.lba * SECTOR_SIZE;
    into.set(
      this.bytes.subarray(start, start + range.sectorCount * SECTOR_SIZE),
      offset,
    );
  }
}
