/**
 * Whether the files of an index can be written: told once when they cannot, and
 * once when they can again.
 *
 * @module
 */

import type { EventSink } from "../events.ts";
import { indexNotSaved, indexSaved } from "./index_events.ts";

/** Why an index could not be saved last. */
export class SaveFailure {
  readonly #location: string;
  readonly #onEvent: EventSink;
  #reason: string | undefined;

  /** Of an index in `location` that can be saved; `onEvent` takes `index-not-saved` and `index-saved`. */
  constructor(location: string, onEvent: EventSink) {
    this.#location = location;
    this.#onEvent = onEvent;
  }

  /** Why; undefined where it can be saved. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** It cannot be saved. */
  begin(error: unknown): void {
    const isFirst = this.#reason === undefined;
    this.#reason = (error as Error).message;
    if (isFirst) this.#onEvent(indexNotSaved(this.#location, this.#reason));
  }

  /** It was saved. */
  end(): void {
    if (this.#reason === undefined) return;
    this.#reason = undefined;
    this.#onEvent(indexSaved(this.#location));
  }
}
