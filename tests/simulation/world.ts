/**
 * Time, chance and scheduling of a simulated run. Everything that waits, waits
 * here, so that one seed gives one run.
 *
 * Between two steps all that depends on nothing but promises has run; a step
 * wakes one waiter, the one that is due first, and among those due at once one
 * by chance.
 */

import { setImmediate } from "node:timers";
import type { Random } from "../../cas/disk/simulated_file.ts";
import { pick, seeded } from "../cas/front/fixtures.ts";
import { EventLog } from "./event_log.ts";

/** What ends a run: something is not as it should be. */
export class Violation extends Error {
  override readonly name = "Violation";
}

interface Waiter {
  readonly dueMs: number;
  readonly process: Process;
  readonly wake: () => void;
}

/** What waits in one process: it can be stopped, go on, and be killed. */
export class Process {
  readonly name: string;
  alive = true;
  paused = false;
  readonly #world: World;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
  }

  /** Nothing of it runs any more. */
  kill(): void {
    this.alive = false;
    this.#world.forget(this);
  }

  /** A promise of a dead process never settles. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return this.#world.sleep(this, durationMs, signal);
  }

  /** Whatever else is due may go first. */
  yieldTurn(): Promise<void> {
    return this.#world.sleep(this, 0);
  }
}

export class World {
  readonly seed: number;
  readonly random: Random;
  readonly log: EventLog = new EventLog();
  nowMs = 1_700_000_000_000;
  readonly #waiters: Waiter[] = [];
  /** The driver's own waits. */
  readonly driver: Process;

  constructor(seed: number) {
    this.seed = seed;
    this.random = seeded(Math.imul(seed, 0x9e3779b1));
    this.driver = new Process(this, "driver");
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  below(count: number): number {
    return pick(this.random, count);
  }

  oneOf<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  note(text: string): void {
    this.log.add(`${this.nowMs - 1_700_000_000_000} ${text}`);
  }

  sleep(
    process: Process,
    durationMs: number,
    signal?: AbortSignal,
  ): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    if (!process.alive) return new Promise(() => {});
    return new Promise((resolve) => {
      const waiter = { dueMs: this.nowMs + durationMs, process, wake: resolve };
      this.#waiters.push(waiter);
      signal?.addEventListener("abort", () => {
        const at = this.#waiters.indexOf(waiter);
        if (at < 0) return;
        this.#waiters.splice(at, 1);
        resolve();
      }, { once: true });
    });
  }

  forget(process: Process): void {
    for (let at = this.#waiters.length - 1; at >= 0; at--) {
      if (this.#waiters[at]!.process === process) this.#waiters.splice(at, 1);
    }
  }

  /** Wakes one waiter that is due until `untilMs`; false when there is none. */
  async step(untilMs: number): Promise<boolean> {
    await drained();
    let firstMs = Infinity;
    let count = 0;
    for (const { dueMs, process } of this.#waiters) {
      const atMs = Math.max(dueMs, this.nowMs);
      if (process.paused || atMs > firstMs || atMs > untilMs) continue;
      count = atMs < firstMs ? 1 : count + 1;
      firstMs = atMs;
    }
    if (count === 0) return false;
    let left = this.below(count);
    const at = this.#waiters.findIndex(({ dueMs, process }) =>
      !process.paused && Math.max(dueMs, this.nowMs) === firstMs && left-- === 0
    );
    const [waiter] = this.#waiters.splice(at, 1);
    this.nowMs = firstMs;
    waiter!.wake();
    return true;
  }

  /** Lets so much time pass. */
  async pass(durationMs: number): Promise<void> {
    const untilMs = this.nowMs + durationMs;
    while (await this.step(untilMs));
    await drained();
    this.nowMs = untilMs;
  }

  /** Lets so many waiters go on. */
  async steps(count: number): Promise<void> {
    for (let left = count; left > 0; left--) {
      if (!await this.step(Infinity)) break;
    }
    await drained();
  }

  /** Runs until the promise settles; a promise that never does is a violation. */
  async settle<T>(
    promise: Promise<T>,
    what: string,
    limitMs = 600_000,
  ): Promise<T> {
    let settled = false;
    const note = (): void => void (settled = true);
    promise.then(note, note);
    const untilMs = this.nowMs + limitMs;
    while (!settled) {
      const stepped = await this.step(untilMs);
      if (!stepped && !settled) {
        throw new Violation(`${what} did not end within ${limitMs} ms`);
      }
    }
    return await promise;
  }
}

/** All that waits for nothing but promises is done. */
function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
