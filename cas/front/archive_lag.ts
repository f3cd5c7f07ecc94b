/**
 * How far the archive is behind what was acknowledged: for a status page, and
 * to say so when it is more than was asked for.
 *
 * @module
 */

import type { EventSink } from "../events.ts";
import type { Clock } from "./clock.ts";

/** Options of `ArchiveLag`. */
export interface ArchiveLagOptions {
  /** Time. */
  readonly clock: Clock;
  /** Takes events. */
  readonly report: EventSink;
  /** How far behind the archive may be, in milliseconds. */
  readonly lagMsMax: number;
  /** Bytes that are not in the archive. */
  readonly pendingBytes: () => number;
}

/** Knows the oldest writes that are not in the archive. */
export class ArchiveLag {
  readonly #options: ArchiveLagOptions;
  readonly #stop: AbortController = new AbortController();
  /** When the oldest write of the present generation came. */
  #activeMs: number | undefined;
  /** The same of the frozen generation. */
  #frozenMs: number | undefined;
  /** When that was frozen. */
  #frozenAtMs: number | undefined;
  #watching = false;
  #behind = false;

  /** Nothing was written yet. */
  constructor(options: ArchiveLagOptions) {
    this.#options = options;
  }

  /** Age of the oldest write that is not in the archive; 0 if all are. */
  get lagMs(): number {
    const oldest = this.#oldestMs;
    return oldest === undefined ? 0 : this.#options.clock.nowMs() - oldest;
  }

  /** True from the event `archive-behind` to `archive-caught-up`. */
  get behind(): boolean {
    return this.#behind;
  }

  /** For how long the checkpoint under way has taken more than `lagMsMax`. */
  get stalledMs(): number {
    if (this.#frozenAtMs === undefined) return 0;
    const { clock, lagMsMax } = this.#options;
    return Math.max(0, clock.nowMs() - this.#frozenAtMs - lagMsMax);
  }

  /** Notes a write into the present generation. */
  noteWrite(): void {
    if (this.#activeMs !== undefined) return;
    this.#activeMs = this.#options.clock.nowMs();
    if (!this.#watching) this.#watch();
  }

  /** Notes that the present generation is frozen. */
  noteFrozen(): void {
    this.#frozenMs = this.#activeMs;
    this.#frozenAtMs = this.#options.clock.nowMs();
    this.#activeMs = undefined;
  }

  /**
   * Notes that the frozen generation is in the archive; with `left`, but for
   * blocks that were written again into the present one.
   */
  noteArchived(left: boolean): void {
    if (left) this.#activeMs = this.#frozenMs ?? this.#activeMs;
    this.#frozenMs = undefined;
    this.#frozenAtMs = undefined;
    const { lagMs } = this;
    const { lagMsMax, report } = this.#options;
    if (!this.#behind || lagMs > lagMsMax) return;
    this.#behind = false;
    report({
      event: "archive-caught-up",
      severity: "info",
      message: `The store is less than ${
        lagMsMax / 1000
      } s behind what was acknowledged again`,
      lagMs,
      pendingBytes: this.#options.pendingBytes(),
    });
  }

  /** Watches no longer. */
  stop(): void {
    this.#stop.abort();
  }

  get #oldestMs(): number | undefined {
    return this.#frozenMs ?? this.#activeMs;
  }

  /** Waits for a write to become too old, as long as there are any. */
  async #watch(): Promise<void> {
    const { clock, lagMsMax } = this.#options;
    const { signal } = this.#stop;
    this.#watching = true;
    while (this.#oldestMs !== undefined && !signal.aborted) {
      const leftMs = lagMsMax - this.lagMs;
      if (leftMs < 0) this.#tellBehind();
      await clock.sleep(leftMs < 0 ? lagMsMax : leftMs + 1, signal);
    }
    this.#watching = false;
  }

  #tellBehind(): void {
    if (this.#behind) return;
    this.#behind = true;
    const { lagMsMax, pendingBytes, report } = this.#options;
    report({
      event: "archive-behind",
      severity: "strange",
      message: `The store is more than ${
        lagMsMax / 1000
      } s behind what was acknowledged: ${pendingBytes()} bytes are in the journal alone, and follow when the store takes them`,
      lagMs: this.lagMs,
      pendingBytes: pendingBytes(),
    });
  }
}
