/**
 * Notices that this process stood still: stopped by a signal, suspended with
 * its machine. Another server may have taken the archive over meanwhile, so
 * what is done next has to be confirmed first.
 *
 * @module
 */

import type { EventSink } from "../events.ts";
import type { Clock } from "./clock.ts";

/**
 * Longer than this is a standstill. A server that wants the archive waits 20 s
 * for a sign of life, which is given every 5 s: so after less it is still ours.
 */
const STANDSTILL_MS = 10_000;
const TICK_MS = 1000;

/** Options of `Standstill`. */
export interface StandstillOptions {
  /** Time. */
  readonly clock: Clock;
  /** Takes events. */
  readonly report: EventSink;
  /** Resolves when all is as before; on rejection nothing is done any more. */
  readonly confirm: () => Promise<void>;
}

/** Lets things be done, after a standstill only when that is confirmed. */
export class Standstill {
  readonly #options: StandstillOptions;
  readonly #stop: AbortController = new AbortController();
  #tickMs: number;
  /** By the wall's clock, for the other one stops while a machine is suspended. */
  #wallMs: number;
  /** What waits for being confirmed. */
  #waiting: (() => void)[] | undefined;
  /** Counts standstills. */
  #count = 0;

  /** Counts from now. */
  constructor(options: StandstillOptions) {
    this.#options = options;
    this.#tickMs = options.clock.nowMs();
    this.#wallMs = options.clock.wallMs();
  }

  /** Keeps time; resolves after `stop`. */
  async run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#options.clock.sleep(TICK_MS, signal);
      this.#look();
    }
  }

  /**
   * False from a standstill on until all is confirmed. Asked before every read,
   * so it looks at the cheaper clock alone, which goes on also for a process
   * that is stopped.
   */
  get isConfirmed(): boolean {
    const elapsedMs = this.#options.clock.wallMs() - this.#wallMs;
    if (elapsedMs > STANDSTILL_MS) this.#look();
    return this.#waiting === undefined;
  }

  /** Does it now or, after a standstill, when confirmed; in the order of the calls. */
  pass(action: () => void): void {
    this.#look();
    if (this.#waiting === undefined) action();
    else this.#waiting.push(action);
  }

  /** Keeps time no longer. */
  stop(): void {
    this.#stop.abort();
  }

  #look(): void {
    const { clock } = this.#options;
    const elapsedMs = Math.max(
      clock.nowMs() - this.#tickMs,
      clock.wallMs() - this.#wallMs,
    );
    this.#tickMs = clock.nowMs();
    this.#wallMs = clock.wallMs();
    if (elapsedMs > STANDSTILL_MS && !this.#stop.signal.aborted) {
      this.#count++;
      this.#confirm(elapsedMs);
    }
  }

  async #confirm(elapsedMs: number): Promise<void> {
    if (this.#waiting !== undefined) return;
    const seconds = Math.round(elapsedMs / 1000);
    this.#options.report({
      event: "standstill",
      severity: "strange",
      message:
        `This process stood still for ${seconds} s: no write is acknowledged and no read answered before the store has said whether the archive is still this server's`,
      elapsedMs,
    });
    const waiting: (() => void)[] = [];
    this.#waiting = waiting;
    let confirmed: number;
    try {
      do {
        confirmed = this.#count;
        await this.#options.confirm();
        // The answer may be from before another standstill.
        this.#look();
      } while (confirmed !== this.#count);
    } catch {
      // For good: whoever lost the archive has nothing to say.
      return;
    }
    this.#waiting = undefined;
    for (const action of waiting) action();
  }
}
