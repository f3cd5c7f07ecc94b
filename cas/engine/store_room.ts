/**
 * Whether the store has said that it is full. A store that is away comes back by
 * itself and is waited for; one that is full needs a person, and clients that
 * wait for ever do not fetch one.
 *
 * @module
 */

import type { Shortage } from "../archive_port.ts";
import type { EventSink } from "../events.ts";

/** Knows which operations are being repeated because there is no room. */
export class StoreRoom {
  readonly #onEvent: EventSink;
  /** What the store said last to each of them. */
  readonly #refused: Map<object, string> = new Map();

  /** Nothing was refused yet. Tells once when the store is full, and when it no longer is. */
  constructor(onEvent: EventSink) {
    this.#onEvent = onEvent;
  }

  /** What the store said, while it is full. */
  get shortage(): Shortage | undefined {
    const message = this.#refused.values().next().value;
    return message === undefined ? undefined : { of: "store", message };
  }

  /** Notes that an operation, named by an object of its own, found no room. */
  refused(operation: object, message: string): void {
    const isFirst = this.#refused.size === 0;
    this.#refused.set(operation, message);
    if (!isFirst) return;
    this.#onEvent({
      event: "store-full",
      severity: "admin",
      message:
        `The store is full, and is tried again: ${message}. Make room, and all goes on by itself`,
    });
  }

  /** Notes that an operation was answered otherwise, or was given up. */
  ended(operation: object): void {
    if (!this.#refused.delete(operation) || this.#refused.size > 0) return;
    this.#onEvent({
      event: "store-has-room",
      severity: "info",
      message: "The store no longer says that it is full",
    });
  }
}
