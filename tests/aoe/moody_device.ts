/**
 * A device that is right but slow in every way the contract allows: it often
 * has no room, has sectors not at hand, and settles tickets late, by chance.
 *
 * @module
 */

import {
  type BlockDevice,
  type DeviceIdentity,
  MemoryDevice,
  type SectorRange,
  type SettleListener,
} from "../../aoe/mod.ts";
import { randomInteger } from "./random.ts";
import { turns } from "./raw_peer.ts";

export class MoodyDevice implements BlockDevice {
  readonly sectorCount: number;
  readonly readOnly = false;
  readonly identity: DeviceIdentity = {
    model: "M",
    serial: "S",
    firmware: "F",
  };
  readonly #memory: MemoryDevice;
  readonly #random: () => number;
  #listener: SettleListener = () => {};
  #ticket = 0;
  #settled = 0;

  constructor(sectorCount: number, random: () => number) {
    this.sectorCount = sectorCount;
    this.#memory = new MemoryDevice({ sectorCount });
    this.#random = random;
  }

  get lastTicket(): number {
    return this.#ticket === this.#settled ? 0 : this.#ticket;
  }

  readNow(range: SectorRange, into: Uint8Array, offset: number): boolean {
    if (this.#random() < 0.5) {
      return this.#memory.readNow(range, into, offset);
    }
    into[offset] = 0xee;
    return false;
  }

  async read(
    range: SectorRange,
    into: Uint8Array,
    offset: number,
  ): Promise<void> {
    await turns(randomInteger(this.#random, 0, 8));
    this.#memory.readNow(range, into, offset);
  }

  write(range: SectorRange, from: Uint8Array, offset: number): number {
    if (this.#random() < 0.2) return 0;
    this.#memory.write(range, from, offset);
    const ticket = ++this.#ticket;
    turns(randomInteger(this.#random, 1, 8)).then(() => {
      if (ticket <= this.#settled) return;
      this.#settled = ticket;
      this.#listener(ticket, true);
    });
    return ticket;
  }

  async writable(): Promise<void> {
    await turns(randomInteger(this.#random, 1, 8));
  }

  onSettled(listener: SettleListener): void {
    this.#listener = listener;
  }
}
