/**
 * Whether this server may still speak for its disks: not when it has lost the
 * archive, and after a standstill only when that is known not to be so.
 *
 * @module
 */

import { Standstill, type StandstillOptions } from "./standstill.ts";

/** Lets replies and reads through while the archive is this server's. */
export class Presence {
  readonly #standstill: Standstill;
  #isLost = false;

  /** Present from now on. */
  constructor(options: StandstillOptions) {
    this.#standstill = new Standstill(options);
  }

  /** Keeps time; resolves after `stop`. */
  run(): Promise<void> {
    return this.#standstill.run();
  }

  /** True for good once the archive is another's. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** False while another server may be writing these disks otherwise: nothing is shown. */
  get isSure(): boolean {
    return !this.#isLost && this.#standstill.isConfirmed;
  }

  /** Resolves when it is sure, if ever. */
  sure(): Promise<void> {
    if (this.#isLost) return new Promise(() => {});
    return new Promise((resolve) => this.#standstill.pass(resolve));
  }

  /** Another server may be serving these disks by now: then not a word more. */
  answer(action: () => void): void {
    this.#standstill.pass(() => {
      if (!this.#isLost) action();
    });
  }

  /** The archive is another's. */
  lose(): void {
    this.#isLost = true;
  }

  /** Keeps time no longer. */
  stop(): void {
    this.#standstill.stop();
  }
}
