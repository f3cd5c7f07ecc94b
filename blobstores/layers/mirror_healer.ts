/**
 * Brings members of a mirror back: opens those that were away, and fills up
 * those that lack something.
 *
 * @module
 */

import { counted } from "../counted.ts";
import { blobErrorCode } from "../blob_store.ts";
import type { LayerClock } from "./layer.ts";
import type { MirrorMember } from "./mirror_member.ts";
import type { MirrorRepair } from "./mirror_repair.ts";

const LOOK_MS_FIRST = 1000;
const LOOK_MS_MAX = 60_000;
/** So many keys of conflicts are told; a repair lists all. */
const TOLD_MAX = 5;

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
  #healingOne: Promise<boolean> | undefined;
  /** How many fill up members in their own way. */
  #holdCount = 0;
  #toldConflicts = "";

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

  /** Runs what fills up members in its own way, and does nothing meanwhile. */
  async instead<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#holdCount++;
    try {
      await this.#healingOne;
      return await work();
    } finally {
      this.#holdCount--;
    }
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
        if (signal.aborted || this.#holdCount > 0) break;
        this.#healingOne = this.#healOne(member);
        if (await this.#healingOne) waitMs = LOOK_MS_FIRST;
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

  /** Each set of conflicts once: what was not copied for them would be missed silently. */
  #tellConflicts(conflicts: MirrorRepair["conflicts"]): void {
    const told = conflicts.map(({ key }) => key).join(" ");
    if (told === this.#toldConflicts) return;
    this.#toldConflicts = told;
    if (conflicts.length === 0) return;
    const more = conflicts.length > TOLD_MAX ? " and others" : "";
    this.#options.report(
      `Copies of ${counted(conflicts.length, "blob")} differ between members ` +
        `of the mirror, and were left as they are: ` +
        conflicts.slice(0, TOLD_MAX).map(({ key, copies }) =>
          `"${key}" (${
            copies.map(({ store, byteCount }) =>
              `${byteCount} bytes in ${store}`
            ).join(", ")
          })`
        ).join("; ") +
        `${more}. "repair --store", with the URL of the mirror, verifies them and ` +
        `mends what it can`,
    );
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
      const repaired = await repair([member], signal);
      const { copiedCount, copiedBytes, conflicts } = repaired;
      member.isEmpty = false;
      const wasReported = this.#faults.delete(member);
      if (wasReported || copiedCount > 0) {
        const state = conflicts.length === 0
          ? "is up to date again"
          : "has all again whose copies elsewhere agree";
        report(
          `${member.display} ${state}: ${counted(copiedCount, "blob")} of ` +
            `${copiedBytes} bytes copied to it from the other members`,
        );
      }
      this.#tellConflicts(conflicts);
      return true;
    } catch (error) {
      member.behind = true;
      const message = error instanceof Error ? error.message : String(error);
      // What does not fit is another blob each time; that is not worth telling.
      const code = blobErrorCode(error);
      const fault = code === "NoSpace" ? code : message;
      if (!signal.aborted && this.#faults.get(member) !== fault) {
        this.#faults.set(member, fault);
        report(`The member ${member.display} of the mirror lags: ${message}`);
      }
      return false;
    }
  }
}
