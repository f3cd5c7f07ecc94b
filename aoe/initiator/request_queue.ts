/**
 * Work for an exchange, in order: each piece of work issues frames as places
 * come free, and the next one starts when it has no more to issue.
 *
 * @module
 */

import type { Exchange, ExchangeListener } from "./exchange.ts";

/** A piece of work of one or more request frames. */
export interface Work extends ExchangeListener {
  /** True when no more frames are to be issued. */
  readonly exhausted: boolean;
  /** Fills `frame` with the next request and returns its length. */
  issue(frame: Uint8Array): number;
}

/** A first-in-first-out queue of work. */
export class RequestQueue {
  readonly #exchange: Exchange;
  readonly #queue: Work[] = [];

  /** Becomes the one who is told of room in `exchange`. */
  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    exchange.onRoom(() => this.#pump());
  }

  /** Adds work, starting at once if there is room. */
  push(work: Work): void {
    this.#queue.push(work);
    if (this.#queue.length > 1) return;
    this.#pump();
    this.#exchange.flush();
  }

  #pump(): void {
    let work = this.#queue[0];
    while (work !== undefined) {
      if (work.exhausted) {
        this.#queue.shift();
        work = this.#queue[0];
        continue;
      }
      const place = this.#exchange.acquire();
      if (place < 0) return;
      this.#exchange.send(
        place,
        work.issue(this.#exchange.frame(place)),
        work,
      );
    }
  }
}
