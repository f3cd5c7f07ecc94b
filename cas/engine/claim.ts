/**
 * The writer's claim: at most one server writes an archive (docs/format.md,
 * "Epochs").
 *
 * Two fences. The store's hold, where it has one, tells a living server from a
 * dead one; where it has none, the server is asked (claim_calls.ts). The epoch, a
 * number that only grows, made by create-if-absent, fences a server that was cut
 * off and comes back: it looks for a newer epoch before and after it publishes
 * roots, and a newer writer recognises and steps over what it published in
 * between.
 *
 * @module
 */

import type { StoreHold } from "../../blobstores/blob_store.ts";
import { ArchiveError, archiveErrorCode } from "../errors.ts";
import { CallAnswerer, haveLeft, leave } from "./claim_calls.ts";
import { describeClaim } from "./claim_record.ts";
import type { EngineContext } from "./context.ts";
import { epochKey } from "./names.ts";

const LEAVE_WAIT_MS = 5000;

/** The claim of this server. */
export class Claim {
  /** Its number. */
  readonly epoch: number;
  /** Resolves with the reason when the claim is known to be lost. */
  readonly lost: Promise<Error>;
  readonly #context: EngineContext;
  readonly #hold: StoreHold | undefined;
  readonly #resolveLost: (reason: Error) => void;
  #isLost = false;
  #rootOnItsWay = false;
  #watching: Promise<void> | undefined;

  /** Made by `takeClaim`. */
  constructor(context: EngineContext, epoch: number, hold?: StoreHold) {
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.epoch = epoch;
    this.lost = promise;
    this.#context = context;
    this.#hold = hold;
    this.#resolveLost = resolve;
  }

  /** Rejects with `LostClaim` when another server has claimed the archive. */
  check(): Promise<void> {
    return this.#check(this.#context);
  }

  async #check({ store, retry }: EngineContext): Promise<void> {
    const key = epochKey(this.epoch + 1);
    const newer = await retry.run(
      `look for "${key}" in ${store.display}`,
      () => store.head(key),
    );
    if (newer !== null) throw await this.lose(this.epoch + 1);
  }

  /**
   * Looks for a newer claim, and answers calls, every so often until the signal
   * aborts. Where the store has no hold, a server that was superseded while it
   * stood still learns of it here, not only when it next publishes a root. When
   * the store was away it is no later than that: whoever calls as soon as the
   * store is back takes over who does not answer.
   */
  watch(intervalMs: number, signal: AbortSignal): void {
    if (this.#hold !== undefined) return;
    this.#watching = this.#watch(intervalMs, signal);
  }

  async #watch(intervalMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const retry = this.#context.retry.hurried(intervalMs, signal);
    const context = { ...this.#context, retry };
    const calls = new CallAnswerer(context, this.epoch);
    for (;;) {
      await clock.sleep(intervalMs, signal);
      if (signal.aborted) return;
      try {
        await this.#check(context);
        await calls.answer();
      } catch (error) {
        // `lost` has told it, or the archive was closed; else the next look does.
        if (archiveErrorCode(error) !== undefined) return;
      }
    }
  }

  /**
   * True if a root of a writer before, that was on its way when that one was
   * cut off, may still appear behind a root of `epoch` that is not our own. Not
   * where there is a hold, which ends with the writer, nor where all since have
   * left.
   */
  async mayBeFollowed(epoch: number): Promise<boolean> {
    if (this.#hold !== undefined) return false;
    // Of a root that was copied from another archive the epoch tells nothing.
    const first = Math.max(1, Math.min(epoch, this.epoch - 1));
    return !await haveLeft(this.#context, first, this.epoch);
  }

  /**
   * Of a root of `epoch` that stands where we would have put one: rejects with
   * `LostClaim` if it is of a newer writer of this archive. It may as well have
   * been copied from another archive, whose epochs have nothing to do with ours.
   */
  async checkAgainst(epoch: number | undefined): Promise<void> {
    await this.check();
    if (epoch === undefined || epoch <= this.epoch) return;
    const { store, retry } = this.#context;
    const key = epochKey(epoch);
    const newer = await retry.run(
      `look for "${key}" in ${store.display}`,
      () => store.head(key),
    );
    if (newer !== null) throw await this.lose(epoch);
  }

  /** Notes that a root may still appear though its put has failed. */
  noteRootOnItsWay(): void {
    this.#rootOnItsWay = true;
  }

  /** Notes that the claim is lost to a newer epoch; the error to throw. */
  async lose(newerEpoch: number): Promise<ArchiveError> {
    this.#isLost = true;
    const by = await describeClaim(this.#context, newerEpoch);
    const error = new ArchiveError(
      "LostClaim",
      `This server no longer writes the archive in ${this.#context.store.display}: it was taken over by ${by}`,
    );
    this.#resolveLost(error);
    return error;
  }

  /**
   * Lets go of the archive: of the store's hold, or by a note. Called when the
   * signal of `watch` was aborted. A note that cannot be put costs the next
   * server some seconds, so it is waited for no longer than that.
   */
  async release(): Promise<void> {
    if (this.#hold !== undefined) return await this.#hold.release();
    const { clock } = this.#context;
    const giveUp = new AbortController();
    const wait = clock.sleep(LEAVE_WAIT_MS, giveUp.signal);
    await Promise.race([this.#leave(), wait]);
    giveUp.abort();
    await wait;
  }

  async #leave(): Promise<void> {
    await this.#watching;
    // Whoever left publishes nothing more, not even late.
    if (this.#isLost || this.#rootOnItsWay) return;
    try {
      await leave(this.#context, this.epoch);
    } catch {
      // The next server asks, and nobody answers.
    }
  }
}
