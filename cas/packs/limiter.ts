/**
 * At most so many operations at once.
 *
 * @module
 */

/** Lets a fixed number of operations run; the others wait their turn. */
export class Limiter {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** Makes a limiter of `count` operations, at least one. */
  constructor(count: number) {
    this.#free = Math.max(1, Math.floor(count));
  }

  /** Runs `operation` when its turn has come, and settles as it does. */
  async run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await operation();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
