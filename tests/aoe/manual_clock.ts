/**
 * Time that passes when the test says so.
 *
 * @module
 */

import type { Clock } from "../../aoe/mod.ts";
import { turns } from "./raw_peer.ts";

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #now = 1000;
  readonly #timers: Set<Timer> = new Set();

  now(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Timers that have not gone off. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /** Lets time pass, in steps of 1 ms, and the event loop turn after each timer. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    while (this.#now < end) {
      this.#now++;
      for (const timer of [...this.#timers]) {
        if (timer.at > this.#now || !this.#timers.delete(timer)) continue;
        timer.callback();
        await turns();
      }
    }
    await turns();
  }
}
