/**
 * Who waits until the journal has written what it was given.
 *
 * @module
 */

interface Waiter {
  readonly ticket: number;
  readonly resolve: () => void;
}

/** Waiters by the ticket they wait for. */
export class WrittenWaiters {
  readonly #closing: AbortSignal;
  /** Through this ticket all is durable, or could not be made so. */
  #through = 0;
  #waiters: Waiter[] = [];

  /** All are rejected when `closing` aborts. */
  constructor(closing: AbortSignal) {
    this.#closing = closing;
  }

  /** True if nobody waits. */
  get empty(): boolean {
    return this.#waiters.length === 0;
  }

  /** Resolves when this ticket and all before are noted. */
  wait(ticket: number): Promise<void> {
    if (ticket <= this.#through) return Promise.resolve();
    const closing = this.#closing;
    return new Promise((resolve, reject) => {
      const close = (): void => reject(new Error("the journal was closed"));
      if (closing.aborted) return close();
      closing.addEventListener("abort", close, { once: true });
      this.#waiters.push({
        ticket,
        resolve: () => {
          closing.removeEventListener("abort", close);
          resolve();
        },
      });
    });
  }

  /** All through this ticket is durable, or could not be made so. */
  note(ticket: number): void {
    this.#through = ticket;
    const waiters = this.#waiters;
    const isDone = (waiter: Waiter): boolean => waiter.ticket <= ticket;
    this.#waiters = waiters.filter((waiter) => !isDone(waiter));
    for (const { resolve } of waiters.filter(isDone)) resolve();
  }
}
