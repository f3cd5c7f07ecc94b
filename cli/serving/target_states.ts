/**
 * What initiators left behind in targets (config strings, masks, reservations)
 * as one small file in the state folder, by address.
 *
 * The initiator has its answer when the change is on stable storage. It is
 * written beside the frames: one that sets strings in a loop must not keep the
 * others waiting for the disk.
 *
 * @module
 */

import { formatMac } from "../../aoe/header.ts";
import {
  requireTargetState,
  type TargetState,
} from "../../aoe/target_state.ts";
import type { EventSink } from "../../cas/events.ts";
import { macBytes } from "./mac_address.ts";
import { replaceFile } from "../state/replace_file.ts";
import { UsageError } from "../usage_error.ts";

/** A state as it stands in the file. */
interface StoredState {
  /** Base64, since it may hold any bytes. */
  readonly configString: string;
  readonly mask: readonly string[];
  readonly reservation: readonly string[];
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/** The states of targets, by address such as "1.0". */
export class TargetStates {
  readonly #states: Map<string, TargetState>;
  readonly #path: string | undefined;
  readonly #onEvent: EventSink;
  /** Ends when nothing is being written; never rejects. */
  #written: Promise<void> = Promise.resolve();
  /** A write that has not begun: it takes along what is set until it does. */
  #next: Promise<void> | undefined;
  /** Told once, until it can be written again. */
  #isFailing = false;

  private constructor(
    states: Map<string, TargetState>,
    path: string | undefined,
    onEvent: EventSink,
  ) {
    this.#states = states;
    this.#path = path;
    this.#onEvent = onEvent;
  }

  /** Reads the file at `path`; without one they are kept in memory. Throws a `UsageError` when it is damaged. */
  static open(path: string | undefined, onEvent: EventSink): TargetStates {
    const states = path === undefined ? new Map() : readStates(path);
    return new TargetStates(states, path, onEvent);
  }

  /** What was left behind at an address; undefined when nothing was. */
  get(address: string): TargetState | undefined {
    return this.#states.get(address);
  }

  /**
   * Keeps a state. Resolves when it is in the file, and rejects when it cannot
   * be written; undefined when there is no file.
   */
  set(address: string, state: TargetState): Promise<void> | undefined {
    this.#states.set(address, state);
    const path = this.#path;
    if (path === undefined) return undefined;
    this.#next ??= this.#written.then(() => {
      this.#next = undefined;
      return this.#write(path);
    });
    this.#written = this.#next.catch(() => {});
    return this.#next;
  }

  /** Waits until what was set is in the file, or could not be written. */
  async close(): Promise<void> {
    await this.#written;
  }

  async #write(path: string): Promise<void> {
    const table = Object.fromEntries(
      [...this.#states].map(([address, state]) => [address, stored(state)]),
    );
    try {
      await replaceFile(path, `${JSON.stringify(table, null, 2)}\n`);
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#tellFailure(path, error as Error);
      this.#isFailing = true;
      throw error;
    }
  }

  #tellFailure(path: string, error: Error): void {
    this.#onEvent({
      event: "target-state-not-kept",
      severity: "admin",
      message:
        `Cannot write ${path}: ${error.message}; until it can be written, clients that change a config string, mask or reservation get no answer`,
    });
  }
}

function stored(state: TargetState): StoredState {
  return {
    configString: btoa(String.fromCharCode(...state.configString)),
    mask: state.mask.map(formatMac),
    reservation: state.reservation.map(formatMac),
  };
}

function readStates(path: string): Map<string, TargetState> {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Map();
    throw error;
  }
  try {
    const table: unknown = JSON.parse(text);
    if (typeof table !== "object" || table === null) throw new TypeError();
    return new Map(
      Object.entries(table).map(([address, entry]) => [
        address,
        parseStored(entry),
      ]),
    );
  } catch (error) {
    throw new UsageError(
      `Cannot use ${path}: it does not hold the config strings, masks and reservations of targets (${
        (error as Error).message
      }); restore it, or remove it to serve all targets without any`,
    );
  }
}

function parseStored(entry: Partial<StoredState>): TargetState {
  const { configString = "", mask = [], reservation = [] } = entry;
  const state = {
    configString: Uint8Array.from(
      atob(configString),
      (char) => char.charCodeAt(0),
    ),
    mask: mask.map(parseMac),
    reservation: reservation.map(parseMac),
  };
  requireTargetState(state);
  return state;
}

function parseMac(text: string): Uint8Array {
  if (!MAC.test(text)) throw new TypeError(`"${text}" is no address`);
  return macBytes(text);
}
