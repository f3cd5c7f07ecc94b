/**
 * What initiators left behind in targets (config strings, masks, reservations)
 * as one small file in the state folder, by address.
 *
 * A change is written behind the reply: an initiator that sets strings in a
 * loop must not keep the others waiting for the disk. A stop waits for it; a
 * killed server may lose the last instant.
 *
 * @module
 */

import { requireTargetState, type TargetState } from "../aoe/target_state.ts";
import type { EventSink } from "../cas/events.ts";
import { formatMac, macBytes } from "./mac_address.ts";
import { replaceFile } from "./replace_file.ts";
import { UsageError } from "./usage_error.ts";

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
  #changed = false;
  #writing: Promise<void> | undefined;

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

  /** Keeps a state. Returns at once and does not throw. */
  set(address: string, state: TargetState): void {
    this.#states.set(address, state);
    this.#changed = true;
    if (this.#path !== undefined) this.#writing ??= this.#write(this.#path);
  }

  /** Waits until what was set is in the file. */
  async close(): Promise<void> {
    await this.#writing;
  }

  /** Writes the newest states, again and again while they change. */
  async #write(path: string): Promise<void> {
    while (this.#changed) {
      this.#changed = false;
      const table = Object.fromEntries(
        [...this.#states].map(([address, state]) => [address, stored(state)]),
      );
      try {
        await replaceFile(path, `${JSON.stringify(table, null, 2)}\n`);
      } catch (error) {
        this.#onEvent({
          event: "target-state-not-kept",
          severity: "admin",
          message: `Cannot write ${path}: ${
            (error as Error).message
          }; a changed config string, mask or reservation is lost with the next restart`,
        });
      }
    }
    this.#writing = undefined;
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
