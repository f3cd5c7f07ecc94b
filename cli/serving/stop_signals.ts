/**
 * SIGTERM and SIGINT: the first asks the server to leave cleanly, the second
 * makes it leave at once. That loses nothing, since every acknowledged write is
 * in the journal.
 *
 * @module
 */

/** Exit status of a process that a second signal ended. */
const INTERRUPTED_STATUS = 130;

const SIGNALS: readonly Deno.Signal[] = ["SIGTERM", "SIGINT"];

/** Listens to both signals until disposed. */
export class StopSignals implements Disposable {
  /** Resolves at the first signal. */
  readonly stopped: Promise<void>;
  readonly #listener: () => void;

  /** Starts to listen. */
  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.stopped = promise;
    let seen = false;
    this.#listener = () => {
      if (seen) Deno.exit(INTERRUPTED_STATUS);
      seen = true;
      resolve();
    };
    for (const signal of SIGNALS) {
      Deno.addSignalListener(signal, this.#listener);
    }
  }

  /** Gives the signals back to the system. */
  [Symbol.dispose](): void {
    for (const signal of SIGNALS) {
      Deno.removeSignalListener(signal, this.#listener);
    }
  }
}
