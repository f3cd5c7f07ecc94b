/** Time for layers that passes only when a test says so. */

import type { LayerClock } from "../../blobstores/layers/layer.ts";

interface Sleeper {
  readonly atMs: number;
  wake(): void;
}

/** A clock that is advanced by hand. */
export class ManualLayerClock implements LayerClock {
  #nowMs = 0;
  readonly #sleepers = new Set<Sleeper>();

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const sleeper: Sleeper = {
        atMs: this.#nowMs + delayMs,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal.removeEventListener("abort", sleeper.wake);
          resolve();
        },
      };
      if (signal.aborted) return resolve();
      this.#sleepers.add(sleeper);
      signal.addEventListener("abort", sleeper.wake);
    });
  }

  /** Lets time pass, and wakes who waited for it. */
  advance(byMs: number): void {
    this.#nowMs += byMs;
    for (const sleeper of [...this.#sleepers]) {
      if (sleeper.atMs <= this.#nowMs) sleeper.wake();
    }
  }
}
