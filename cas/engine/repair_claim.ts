/**
 * The claim under which a repair gives a volume its newest root back: taken when
 * there is such a root, watched like a server's, and let go of in the end.
 *
 * @module
 */

import { ArchiveError, archiveErrorCode } from "../errors.ts";
import type { Claim } from "./claim.ts";
import type { ClaimHolder } from "./claim_record.ts";
import type { EngineContext } from "./context.ts";
import { readFormat } from "./format.ts";
import { takeClaim } from "./take_claim.ts";

const CLAIM_CHECK_MS = 5000;
const STATE_ID_LENGTH = 16;

/** At most one claim. */
export class RepairClaim {
  readonly #here: EngineContext;
  readonly #holder: ClaimHolder;
  readonly #done = new AbortController();
  #taking: Promise<Claim | undefined> | undefined;
  #claim: Claim | undefined;
  #lost: Error | undefined;

  /** Takes nothing yet. */
  constructor(here: EngineContext, holder: ClaimHolder) {
    this.#here = here;
    this.#holder = holder;
  }

  /** Keeps writers away; false when there is one. */
  async take(): Promise<boolean> {
    this.#taking ??= this.#take();
    return await this.#taking !== undefined;
  }

  /** Rejects with `LostClaim` if another writer has come since; nothing without a claim. */
  async check(): Promise<void> {
    try {
      await this.#claim?.check();
    } catch (error) {
      if (archiveErrorCode(error) !== "LostClaim") throw error;
      throw this.#stopped(error as Error);
    }
  }

  /** Throws `LostClaim` if the watch has found another writer. */
  throwIfLost(): void {
    if (this.#lost !== undefined) throw this.#stopped(this.#lost);
  }

  /** Lets go of it, where it was taken. */
  async release(): Promise<void> {
    this.#done.abort();
    await this.#claim?.release();
  }

  async #take(): Promise<Claim | undefined> {
    const here = this.#here;
    try {
      const claim = await takeClaim(here, {
        archiveId: (await readFormat(here))!,
        stateId: here.random(STATE_ID_LENGTH).toHex(),
        holder: this.#holder,
      });
      this.#claim = claim;
      claim.lost.then((reason) => this.#lost = reason);
      // Also answers servers that ask whether somebody still writes.
      claim.watch(CLAIM_CHECK_MS, this.#done.signal);
      return claim;
    } catch (error) {
      if (archiveErrorCode(error) === "Held") return undefined;
      throw error;
    }
  }

  #stopped(cause: Error): ArchiveError {
    return new ArchiveError(
      "LostClaim",
      `Stopped repairing ${this.#here.store.display}, for another server writes it now: ${cause.message}. What was mended is sound; repair again for the rest`,
      { cause },
    );
  }
}
