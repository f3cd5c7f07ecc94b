/**
 * Writes that overlay or journal have no room for. They wait for a checkpoint,
 * also through an outage of the store; where that is full, or all that is kept
 * lies over damage, which only a person can mend, they wait for a grace and are refused then.
 * So are those that are too large for what is left beside damage: OversizedWrites.
 *
 * @module
 */

import type { Shortage } from "../archive_port.ts";
import type { EventSink } from "../events.ts";
import type { Clock } from "./clock.ts";
import {
  OversizedWrites,
  type OversizedWritesOptions,
  type RoomWant,
} from "./oversized_writes.ts";
import { GRACE_MS, writesAccepted, writesRefused } from "./refusals.ts";

/** How often to ask whether something is full, while writes find no room. */
const LOOK_MS = 1000;

/** Why there is no room, and will be none by itself. */
export type RoomShortage = Shortage | {
  readonly of: "damage" | "search";
  /** What to do about it. */
  readonly message: string;
};

const CAUSES: Readonly<Record<RoomShortage["of"], string>> = {
  store: "the store is full",
  index: "the index in the state folder cannot be saved",
  damage: "what lies under them is damaged",
  search: "what lies under them has not been found yet",
};

/** Options of `RoomWaiters`. */
export interface RoomWaitersOptions extends OversizedWritesOptions {
  /** Time. */
  readonly clock: Clock;
  /** Takes events. */
  readonly report: EventSink;
  /** What is full; a rejection says nothing. */
  readonly shortage: () => Promise<RoomShortage | undefined>;
  /** Refuses when it is sure that this server may answer, if ever; in the order of the calls. */
  readonly answer: (refuse: () => void) => void;
}

interface Waiter {
  readonly want: RoomWant;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

/** Has writes wait, or refuses them. */
export class RoomWaiters {
  readonly #options: RoomWaitersOptions;
  readonly #stop: AbortController = new AbortController();
  #waiters: Waiter[] = [];
  /** Who waits for the next batch only. */
  #soon: (() => void)[] = [];
  #watching = false;
  /** Somebody asked for room since the last look. */
  #wanted = false;
  /** Since then there was no room, and something was full. */
  #fullSinceMs: number | undefined;
  #refusal: Error | undefined;
  /** Of which shortage that tells. */
  #refusedFor: RoomShortage["of"] | undefined;
  readonly #oversized: OversizedWrites;

  /** Nobody waits yet. */
  constructor(options: RoomWaitersOptions) {
    this.#options = options;
    this.#oversized = new OversizedWrites(options);
  }

  /** Why writes are refused, while they are. */
  get refusal(): string | undefined {
    return (this.#refusal ?? this.#oversized.refusal)?.message;
  }

  /**
   * Resolves when a write may be tried again; rejects when it is refused: not
   * one that wants none, for it found but the journal's batch full, of which
   * there is another soon.
   */
  wait(want: RoomWant | undefined): Promise<void> {
    if (want === undefined) {
      return new Promise((resolve) => this.#soon.push(resolve));
    }
    this.#wanted = true;
    if (!this.#watching) this.#watch();
    return new Promise((resolve, reject) => {
      const waiter = { want, resolve, reject };
      const reason = this.#oversized.ask(want) ?? this.#refusal;
      if (reason === undefined) this.#waiters.push(waiter);
      else this.#refuse([waiter], reason);
    });
  }

  /** There may be room now. */
  roomMade(): void {
    for (const resolve of this.#soon.splice(0)) resolve();
    for (const { resolve } of this.#takeAll()) resolve();
  }

  /** Refuses nothing any more; who waits, waits for ever. */
  stop(): void {
    this.#stop.abort();
    this.#refusal = undefined;
    this.#oversized.stop();
  }

  /** Looks whether something is full, until there is room for all. */
  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    this.#watching = true;
    while (this.#wanted || this.#waiters.length > 0 || this.refusal) {
      this.#wanted = false;
      const shortage = await this.#options.shortage().catch(() => undefined);
      if (signal.aborted) return;
      this.#judge(shortage);
      this.#judgeOversized();
      await this.#options.clock.sleep(LOOK_MS, signal);
      if (signal.aborted) return;
    }
    this.#watching = false;
    this.#fullSinceMs = undefined;
  }

  #judge(shortage: RoomShortage | undefined): void {
    const { clock, report } = this.#options;
    if (shortage === undefined) {
      this.#fullSinceMs = undefined;
      if (this.#refusal === undefined) return;
      this.#refusedFor = undefined;
      this.#refusal = undefined;
      report(writesAccepted());
      return;
    }
    this.#fullSinceMs ??= clock.nowMs();
    const isOver = clock.nowMs() - this.#fullSinceMs >= GRACE_MS;
    if (!isOver || this.#refusedFor === shortage.of) return;
    this.#refusedFor = shortage.of;
    const reason =
      `the room for writes is used up, and the archive takes none of them, for ${
        CAUSES[shortage.of]
      }: ${shortage.message}`;
    this.#refusal = new Error(reason);
    report(writesRefused(reason));
    this.#refuse(this.#takeAll(), this.#refusal);
  }

  #judgeOversized(): void {
    // Who is refused anything is told once.
    if (this.#refusal !== undefined) return;
    const { clock, report } = this.#options;
    const before = this.#oversized.refusal;
    this.#oversized.look(clock.nowMs(), this.#waiters.map(({ want }) => want));
    const { refusal } = this.#oversized;
    if (refusal === before) return;
    if (refusal === undefined) return report(writesAccepted());
    report(writesRefused(refusal.message));
    const all = this.#takeAll();
    const isRefused = ({ want }: Waiter) => this.#oversized.isOversized(want);
    this.#waiters = all.filter((it) => !isRefused(it));
    this.#refuse(all.filter(isRefused), refusal);
  }

  #refuse(waiters: readonly Waiter[], reason: Error): void {
    this.#options.answer(() => {
      for (const { reject } of waiters) reject(reason);
    });
  }

  #takeAll(): Waiter[] {
    const waiters = this.#waiters;
    this.#waiters = [];
    return waiters;
  }
}
