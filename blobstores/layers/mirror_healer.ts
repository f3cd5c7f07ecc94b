/**
 * Brings members of a mirror back: opens those that were away, and fills up
 * those that lack something.
 *
 * @module
 */

import type { LayerClock } from "./layer.ts";
import type { MirrorMember } from "./mirror_member.ts";
import type { MirrorRepair } from "./mirror_repair.ts";

const LOOK_MS_FIRST = 1000;
const LOOK_MS_MAX = 60_000;

/** What a healer works with. */
export interface MirrorHealerOptions {
  /** The members. */
  readonly members: readonly MirrorMember[];
  /** Looks at a member that was opened late; rejects with what is wrong. */
  readonly admit: (member: MirrorMember) => Promise<void>;
  /** Copies what these members lack. */
  readonly repair: (
    members: readonly MirrorMember[],
    signal: AbortSignal,
  ) => Promise<MirrorRepair>;
  /** Time. */
  readonly clock: LayerClock;
  /** Told when a member is back, and why one is not. */
  readonly report: (message: string) => void;
}

/** Heals while there is something to heal. */
export class MirrorHealer {
  readonly #options: MirrorHealerOptions;
  readonly #closing = new AbortController();
  readonly #faults = new Map<MirrorMember, string>();
  #healing: Promise<void> | undefined;

  /** Does nothing yet. */
  constructor(options: MirrorHealerOptions) {
    this.#options = options;
  }

  /** Looks whether there is something to heal. */
  look(): void {
    if (this.#closing.signal.aborted || this.#sick().length === 0) return;
    this.#healing ??= this.#heal().finally(() => {
      this.#healing = undefined;
    });
  }

  /** Ends; resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#healing;
  }

  #sick(): MirrorMember[] {
    return this.#options.members.filter((it) =>
      it.behind || it.store === undefined
    );
  }

  async #heal(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    let waitMs = LOOK_MS_FIRST;
    while (!signal.aborted && this.#sick().length > 0) {
      await clock.sleep(waitMs, signal);
      waitMs = Math.min(LOOK_MS_MAX, 2 * waitMs);
      for (const member of this.#sick()) {
        if (!signal.aborted && await this.#healOne(member)) {
          waitMs = LOOK_MS_FIRST;
        }
      }
    }
  }

  /** Opens a member, which is not used before it was looked at. */
  async #open(member: MirrorMember): Promise<void> {
    member.isOnTrial = true;
    try {
      await member.open();
      await this.#options.admit(member);
    } catch (error) {
      // Not known to be the right place, it must be looked at again.
      if (member.store !== undefined) await member.refuse(error);
      throw error;
    } finally {
      member.isOnTrial = false;
    }
  }

  async #healOne(member: MirrorMember): Promise<boolean> {
    const { repair, report } = this.#options;
    const { signal } = this.#closing;
    try {
      if (member.store === undefined) {
        await this.#open(member);
      }
      // What is missed from now on is for the next time.
      member.behind = false;
      const { copiedCount, copiedBytes } = await repair([member], signal);
      member.isEmpty = false;
      const wasReported = this.#faults.delete(member);
      if (!wasReported && copiedCount === 0) return true;
      report(
        `${member.display} is up to date again: ${copiedCount} blobs of ` +
          `${copiedBytes} bytes were copied to it from the other members`,
      );
      return true;
    } catch (error) {
      member.behind = true;
      const fault = error instanceof Error ? error.message : String(error);
      if (!signal.aborted && this.#faults.get(member) !== fault) {
        this.#faults.set(member, fault);
        report(`The member ${member.display} of the mirror lags: ${fault}`);
      }
      return false;
    }
  }
}
