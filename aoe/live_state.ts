/**
 * The state of a target while it is served.
 *
 * @module
 */

import { MacList } from "./mac_list.ts";
import { requireTargetState, type TargetState } from "./target_state.ts";

/**
 * Takes each new state, and keeps the value. A promise resolves when the state
 * outlives this process, and rejects when it does not.
 */
export type StateListener = (state: TargetState) => void | Promise<void>;

/** What initiators may change, and who is told when they do. */
export class LiveState {
  readonly #onChanged: StateListener | undefined;
  #configString: Uint8Array = new Uint8Array(0);
  #mask: MacList = new MacList();
  #reservation: MacList = new MacList();
  /** Pending while the newest state is being kept. */
  #keeping: Promise<void> | undefined;
  /** Whether the newest state could not be kept. */
  #isUnkept = false;

  /** Starts with a copy of `state`. */
  constructor(
    state: TargetState,
    onChanged: StateListener | undefined,
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
    const keeping = this.#onChanged?.(this.value) ?? undefined;
    this.#keeping = keeping;
    this.#isUnkept = false;
    keeping?.then(
      () => this.#settle(keeping, false),
      () => this.#settle(keeping, true),
    );
  }

  /**
   * Resolves when the state of now outlives this process, and rejects when it
   * does not; undefined when it does already. What could not be kept is told
   * to the listener once more.
   */
  kept(): Promise<void> | undefined {
    if (this.#isUnkept) this.changed();
    return this.#keeping;
  }

  #settle(keeping: Promise<void>, isUnkept: boolean): void {
    if (this.#keeping !== keeping) return;
    this.#keeping = undefined;
    this.#isUnkept = isUnkept;
  }

  #take(state: TargetState): void {
    this.#configString = state.configString.slice();
    this.#mask = new MacList(state.mask);
    this.#reservation = new MacList(state.reservation);
  }
}
