/**
 * One of the stores of a mirror: whether it is there, how quick it is, and
 * whether it lacks something.
 *
 * @module
 */

import { BlobError, blobErrorCode, type BlobStore } from "../blob_store.ts";
import { backoffMs, isAnswer } from "./backoff.ts";
import type { LayerClock } from "./layer.ts";

/** How to reach a member. */
export interface MirrorMemberOptions {
  /** What to call it while it is not open; shows no secret. */
  readonly display: string;
  /** Opens it. Called again after it could not be reached. */
  readonly open: () => Promise<BlobStore>;
}

/** How much the newest operation counts for a member's speed. */
const NEWEST_SHARE = 0.2;

/** A member. */
export class MirrorMember {
  /** Its place in the mirror. */
  readonly index: number;
  /** It may lack blobs that others have. */
  behind = false;
  /** It came empty to others that are not: what it lacks tells nothing until it was filled. */
  isEmpty = false;
  /** It was opened late and is still looked at: only `look` asks it. */
  isOnTrial = false;
  /** What an operation of it takes, in milliseconds. */
  latencyMs = 0;
  readonly #display: string;
  readonly #open: () => Promise<BlobStore>;
  readonly #clock: LayerClock;
  #store: BlobStore | undefined;
  #failures = 0;
  #downUntilMs = 0;
  #lastError: unknown;

  /** A member that is not open yet. */
  constructor(index: number, options: MirrorMemberOptions, clock: LayerClock) {
    this.index = index;
    this.#display = options.display;
    this.#open = options.open;
    this.#clock = clock;
  }

  /** Its URL without secrets, or what to call it before it was open. */
  get display(): string {
    return this.#store?.display ?? this.#display;
  }

  /** True when it is worth asking: it is open, and did not fail just now. */
  get isUp(): boolean {
    return this.#store !== undefined && !this.isOnTrial &&
      this.#clock.nowMs() >= this.#downUntilMs;
  }

  /** The store, once it could be opened. */
  get store(): BlobStore | undefined {
    return this.#store;
  }

  /** Why it failed last, as half a sentence. */
  get fault(): string {
    const error = this.#lastError;
    return error instanceof Error ? error.message : "it is not open";
  }

  /** Opens it unless it is; rejects as the store does. */
  async open(): Promise<BlobStore> {
    if (this.#store !== undefined) return this.#store;
    try {
      this.#store = await this.#open();
      this.#failures = 0;
      this.#downUntilMs = 0;
      return this.#store;
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  /** Takes back that it is open: it turned out to be another store. */
  async refuse(error: unknown): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    this.#fail(error);
    await store?.close();
  }

  /**
   * Asks it. A failure that is no answer of a store puts it out of use for a
   * while, longer each time; while it is, it is not asked. One that is full is
   * there, and goes on to be read.
   */
  async ask<Result>(
    operation: (store: BlobStore) => Promise<Result>,
  ): Promise<Result> {
    if (!this.isUp) {
      throw new BlobError(`${this.display} is away: ${this.fault}`, {
        code: "Unavailable",
        retryable: true,
        cause: this.#lastError,
      });
    }
    return await this.look(operation);
  }

  /** Asks it in any case, also while it is on trial. */
  async look<Result>(
    operation: (store: BlobStore) => Promise<Result>,
  ): Promise<Result> {
    const startMs = this.#clock.nowMs();
    const store = this.#store ?? await this.open();
    try {
      const result = await operation(store);
      this.#answered(startMs);
      return result;
    } catch (error) {
      const isThere = isAnswer(error) || blobErrorCode(error) === "NoSpace";
      if (isThere) this.#answered(startMs);
      else this.#fail(error);
      throw error;
    }
  }

  #answered(startMs: number): void {
    const tookMs = this.#clock.nowMs() - startMs;
    this.#failures = 0;
    this.latencyMs += (tookMs - this.latencyMs) * NEWEST_SHARE;
  }

  #fail(error: unknown): void {
    this.#lastError = error;
    const waitMs = backoffMs(this.#failures++, error);
    this.#downUntilMs = this.#clock.nowMs() + waitMs;
  }
}

/**
 * Whether members together decide: more than half of all, or just half with the
 * first among them. Any two such sets have a member in common.
 */
export function isQuorum(
  members: readonly MirrorMember[],
  memberCount: number,
): boolean {
  const isHalf = 2 * members.length === memberCount;
  return 2 * members.length > memberCount ||
    (isHalf && members.some(({ index }) => index === 0));
}

/**
 * Whether those who answered can tell that something is not there: a quorum,
 * and all others as long as one is being filled. What that one held before, its
 * quorums go without.
 */
export function mayDeny(
  answering: readonly MirrorMember[],
  members: readonly MirrorMember[],
): boolean {
  const filled = members.filter(({ isEmpty }) => !isEmpty);
  const isFilling = filled.length < members.length;
  return isQuorum(answering, members.length) &&
    (!isFilling || filled.every((it) => answering.includes(it)));
}
