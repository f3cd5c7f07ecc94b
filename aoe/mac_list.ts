/**
 * A set of Ethernet addresses that keeps the order they were added in.
 *
 * Looked up once per frame, hence kept as numbers next to the bytes: neither a
 * key nor anything else is allocated.
 *
 * @module
 */

import { readUint16, readUint32 } from "./bytes.ts";
import { MAC_LENGTH } from "./header.ts";

/** A set of Ethernet addresses. */
export class MacList {
  readonly #keys: number[] = [];
  readonly #macs: Uint8Array[] = [];

  /** A list of these addresses, each copied, repetitions left out. */
  constructor(macs: readonly Uint8Array[] = []) {
    for (const mac of macs) this.add(mac, 0);
  }

  /** Addresses in the list. */
  get size(): number {
    return this.#keys.length;
  }

  /** Whether the address at `offset` of `bytes` is in the list. */
  has(bytes: Uint8Array, offset: number): boolean {
    return this.#keys.indexOf(keyAt(bytes, offset)) >= 0;
  }

  /** Adds the address at `offset` of `bytes`, unless it is there already. */
  add(bytes: Uint8Array, offset: number): void {
    if (this.has(bytes, offset)) return;
    this.#keys.push(keyAt(bytes, offset));
    this.#macs.push(bytes.slice(offset, offset + MAC_LENGTH));
  }

  /** Removes the address at `offset` of `bytes`, if it is there. */
  delete(bytes: Uint8Array, offset: number): void {
    const at = this.#keys.indexOf(keyAt(bytes, offset));
    if (at < 0) return;
    this.#keys.splice(at, 1);
    this.#macs.splice(at, 1);
  }

  /** Copies of the addresses. */
  toArray(): Uint8Array[] {
    return this.#macs.map((mac) => mac.slice());
  }
}

/** An address as a number of 48 bits. */
function keyAt(bytes: Uint8Array, offset: number): number {
  return readUint16(bytes, offset) * 2 ** 32 + readUint32(bytes, offset + 2);
}
