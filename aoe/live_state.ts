/**
 * The state of a target while it is served.
 *
 * @module
 */

import { MacList } from "./mac_list.ts";
import { requireTargetState, type TargetState } from "./target_state.ts";

/** What initiators may change, and who is told when they do. */
export class LiveState {
  readonly #onChanged: ((state: TargetState) => void) | undefined;
  #configString: Uint8Array = new Uint8Array(0);
  #mask: MacList = new MacList();
  #reservation: MacList = new MacList();

  /** Starts with a copy of `state`. */
  constructor(
    state: TargetState,
    onChanged: ((state: TargetState) => void) | undefined,
  ) {
    this.#onChanged = onChanged;
    this.#take(state);
  }

  /** The config string; read-only for the caller. */
  get configString(): Uint8Array {
    return this.#configString;
  }

  /** The MAC mask; `changed` must follow an edit. */
  get mask(): MacList {
    return this.#mask;
  }

  /** The reservation; read-only for the caller. */
  get reservation(): MacList {
    return this.#reservation;
  }

  /** A copy of everything. */
  get value(): TargetState {
    return {
      configString: this.#configString.slice(),
      mask: this.#mask.toArray(),
      reservation: this.#reservation.toArray(),
    };
  }

  /** Keeps `configString` itself. */
  setConfigString(configString: Uint8Array): void {
    this.#configString = configString;
    this.changed();
  }

  /** Keeps `reservation` itself. */
  setReservation(reservation: MacList): void {
    this.#reservation = reservation;
    this.changed();
  }

  /**
   * Replaces everything by a copy of `state`.
   *
   * @throws {RangeError} when it is not valid.
   */
  replace(state: TargetState): void {
    requireTargetState(state);
    this.#take(state);
    this.changed();
  }

  /** Tells the listener. */
  changed(): void {
    this.#onChanged?.(this.value);
  }

  #take(state: TargetState): void {
    this.#configString = state.configString.slice();
    this.#mask = new MacList(state.mask);
    this.#reservation = new MacList(state.reservation);
  }
}
