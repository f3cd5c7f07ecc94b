/**
 * A limit to how much is under way at once.
 *
 * @module
 */

/** Turns, handed out in the order in which they were asked for. */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** So many may have a turn at once. */
  constructor(count: number) {
    this.#free = count;
  }

  /** Does `work` when it has a turn; settles as `work` does. */
  async run(work: () => Promise<void>): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
