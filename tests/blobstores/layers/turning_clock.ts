/** Time that passes when somebody waits for it, as far as it is let. */

import type { LayerClock } from "../../../blobstores/layers/layer.ts";

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** A clock whose time goes on only by `advance`. */
export class TurningClock implements LayerClock {
  #nowMs = 0;
  readonly #sleepers = new Set<Sleeper>();
  /** Every wait that was asked for, in order. */
  readonly sleeps: number[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    this.sleeps.push(delayMs);
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const sleeper = { dueMs: this.#nowMs + delayMs, wake: finish };
      this.#sleepers.add(sleeper);
      signal.addEventListener("abort", finish, { once: true });
      const sleepers = this.#sleepers;
      function finish(): void {
        signal.removeEventListener("abort", finish);
        sleepers.delete(sleeper);
        resolve();
      }
    });
  }

  /** Lets time pass, and what waits for it go on, one sleeper after the other. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    await turns();
    for (;;) {
      const [next] = [...this.#sleepers].sort((left, right) =>
        left.dueMs - right.dueMs
      );
      if (next === undefined || next.dueMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.wake();
      await turns();
    }
    this.#nowMs = endMs;
    await turns();
  }
}

/** A clock on which every wait is over at once. */
export class InstantClock implements LayerClock {
  #nowMs = 0;
  /** Every wait, in order. */
  readonly sleeps: number[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  // deno-lint-ignore require-await -- as the interface has it
  async sleep(delayMs: number): Promise<void> {
    this.sleeps.push(delayMs);
    this.#nowMs += delayMs;
  }
}

/** Lets everything that waits for nothing but its turn go on. */
export function turns(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
