/**
 * Notices hosts that answer for an address which a target here has.
 *
 * @module
 */

import { readUint16 } from "./bytes.ts";
import type { Clock } from "./clock.ts";
import { HeaderOffset, MAC_LENGTH } from "./header.ts";
import type { AoeServerEvent } from "./server_event.ts";

/** The same address is reported no more often than this. */
const REPORT_INTERVAL_MS = 60_000;

/** Reports each address once in a while. */
export class ConflictWatch {
  readonly #clock: Clock;
  readonly #onEvent: (event: AoeServerEvent) => void;
  /** When each address was last reported, by its key. */
  readonly #reportedAt: Map<number, number> = new Map();

  /** Reports to `onEvent`. */
  constructor(clock: Clock, onEvent: (event: AoeServerEvent) => void) {
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  /** Takes a response of a foreign host for the address `key` of ours. */
  notice(key: number, frame: Uint8Array, linkName: string): void {
    const now = this.#clock.now();
    const before = this.#reportedAt.get(key);
    if (before !== undefined && now - before < REPORT_INTERVAL_MS) return;
    this.#reportedAt.set(key, now);
    const at = HeaderOffset.Source;
    this.#onEvent({
      kind: "address-conflict",
      shelf: readUint16(frame, HeaderOffset.Shelf),
      slot: frame[HeaderOffset.Slot]!,
      mac: frame.slice(at, at + MAC_LENGTH),
      linkName,
    });
  }

  /** Forgets an address that is ours no more. */
  forget(key: number): void {
    this.#reportedAt.delete(key);
  }
}
