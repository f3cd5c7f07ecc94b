/**
 * At most so many operations at once.
 *
 * @module
 */

/** Lets a fixed number of operations run; the others wait their turn. */
export class Limiter {
  #free: number;
  readonly #waiting = new Set<() => void>();

  /** Makes a limiter of `count` operations, at least one. */
  constructor(count: number) {
    this.#free = Math.max(1, Math.floor(count));
  }

  /**
   * Runs `operation` when its turn has come, and settles as it does. If the
   * signal aborts before, rejects with its reason and runs nothing.
   */
  async run<T>(operation: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    try {
      return await operation();
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#free++;
      else {
        this.#waiting.delete(next);
        next();
      }
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = (): void => {
        // Who was called already has the turn, and passes it on.
        if (this.#waiting.delete(go)) reject(signal.reason);
      };
      this.#waiting.add(go);
      signal.addEventListener("abort", giveUp, { once: true });
    });
  }
}
