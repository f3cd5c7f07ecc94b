/**
 * Answers "Reserve/Release" (AoEr11 section 3.4) for a target.
 *
 * @module
 */

import { equalBytes } from "./bytes.ts";
import { AoeErrorCode, HeaderOffset, MAC_LENGTH } from "./header.ts";
import type { LiveState } from "./live_state.ts";
import { MacList } from "./mac_list.ts";
import type { Port } from "./port.ts";
import {
  encodeReserveArgument,
  RESERVE_ENTRIES_MAX,
  ReserveCommand,
  reserveFrameLength,
  reserveMacCount,
  ReserveOffset,
} from "./reserve_release.ts";
import type { ResponseBuffer } from "./response_buffer.ts";

/** Answers and carries out requests about the reservation. */
export class ReserveResponder {
  readonly #response: ResponseBuffer;
  readonly #state: LiveState;

  /** Makes its responses in `response`. */
  constructor(response: ResponseBuffer, state: LiveState) {
    this.#response = response;
    this.#state = state;
  }

  /** Answers a request. */
  handle(port: Port, frame: Uint8Array, length: number): void {
    const count = reserveMacCount(frame, length);
    const command = frame[ReserveOffset.Command]!;
    if (
      count < 0 || count > RESERVE_ENTRIES_MAX ||
      command > ReserveCommand.ForceSet
    ) {
      return this.#response.refuse(port, frame, AoeErrorCode.BadArgument);
    }
    const refused = command === ReserveCommand.Set && !this.#admits(frame);
    if (!refused && command !== ReserveCommand.Read) this.#set(frame, count);
    this.#response.begin(port, frame);
    if (refused) this.#response.markError(AoeErrorCode.TargetReserved);
    this.#response.sendWhen(
      this.#state.kept(),
      port,
      encodeReserveArgument(this.#response.bytes, {
        command,
        macs: this.#state.reservation.toArray(),
      }),
    );
  }

  /** Whether the sender of a frame may read, write, and set the list. */
  #admits(frame: Uint8Array): boolean {
    const { reservation } = this.#state;
    return reservation.size === 0 ||
      reservation.has(frame, HeaderOffset.Source);
  }

  #set(frame: Uint8Array, count: number): void {
    const next = new MacList();
    for (let i = 0; i < count; i++) next.add(frame, reserveFrameLength(i));
    // A repeated request whose answer was lost changes nothing.
    if (!equalLists(next, this.#state.reservation)) {
      this.#state.setReservation(next);
    }
  }
}

function equalLists(a: MacList, b: MacList): boolean {
  if (a.size !== b.size) return false;
  const others = b.toArray();
  return a.toArray().every((mac, index) =>
    equalBytes(mac, 0, others[index]!, 0, MAC_LENGTH)
  );
}
