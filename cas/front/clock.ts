/**
 * Time as the front needs it, given from outside so that a test owns it.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** A clock that can wait. */
export interface Clock {
  /** Milliseconds from some fixed moment; never goes back. */
  nowMs(): number;
  /** Milliseconds since 1970 as the system has it: may jump. */
  wallMs(): number;
  /** Resolves after this long, or at once when `signal` is aborted. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
  /** Resolves after whatever waits in the event loop had its turn. */
  yieldTurn(): Promise<void>;
}

/** The clock of this process. */
export const SYSTEM_CLOCK: Clock = {
  nowMs(): number {
    return performance.now();
  },
  wallMs(): number {
    return Date.now();
  },
  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise(function wait(resolve): void {
      if (signal?.aborted) return resolve();
      const timer = setTimeout(finish, durationMs);
      signal?.addEventListener("abort", finish, { once: true });
      function finish(): void {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolve();
      }
    });
  },
  yieldTurn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  },
};
