/**
 * Writes that need more room than there ever is beside writes over damage, which
 * only a person can mend. Smaller ones still fit and go on; these wait for a
 * grace, and for the archive to have tried again meanwhile, and are refused then.
 *
 * @module
 */

import { counted } from "../../blobstores/counted.ts";
import { GRACE_MS } from "./refusals.ts";

/** What helps where writes over damage take the room. */
export const DAMAGE_ADVICE: string =
  "restore the damaged packs, or overwrite the damaged sectors as a whole";

/** What helps where the writes lie over what has not been found yet. */
export const SEARCH_ADVICE: string =
  'the index is being made anew, or packs that are missing are sought: the lines "Indexed ... packs" of the log tell how far that is; wait, and they are taken as soon as it is found';

/** So many attempts after the first look, one at least began after it. */
const ATTEMPTS_MIN = 2;

/** What a write needs that found no room. */
export interface RoomWant {
  /** Blocks that the overlays do not have yet. */
  readonly slots: number;
  /** Bytes in the journal. */
  readonly journalBytes: number;
}

/** What is taken by writes that the archive could not take, as of its newest attempt. */
export interface KeptRoom extends RoomWant {
  /** Attempts so far. */
  readonly attempts: number;
  /** It waits for what has not been found yet: none of it lies over damage that is known. */
  readonly unsettled: boolean;
}

/** What is refused, and why. */
interface Refused {
  readonly want: RoomWant;
  readonly unsettled: boolean;
  readonly reason: Error;
}

/** Options of `OversizedWrites`. */
export interface OversizedWritesOptions {
  /** What writes over damage take. */
  readonly kept: () => KeptRoom;
  /** What there is for all writes. */
  readonly room: RoomWant;
}

/** Knows which writes never find room. */
export class OversizedWrites {
  readonly #options: OversizedWritesOptions;
  /** One that somebody asked room for since the last look. */
  #asked: RoomWant | undefined;
  /** When the first look found one, and the attempts until then. */
  #since: { readonly atMs: number; readonly attempts: number } | undefined;
  #refused: Refused | undefined;

  /** There is room for all. */
  constructor(options: OversizedWritesOptions) {
    this.#options = options;
  }

  /** Why such writes are refused, while they are. */
  get refusal(): Error | undefined {
    return this.#refused?.reason;
  }

  /** True for what does not fit beside the writes over damage. */
  isOversized(want: RoomWant): boolean {
    const { kept, room } = this.#options;
    const { slots, journalBytes } = kept();
    return slots > 0 && (slots + want.slots > room.slots ||
      journalBytes + want.journalBytes > room.journalBytes);
  }

  /** Takes note that somebody wants room; why it is refused, if it is. */
  ask(want: RoomWant): Error | undefined {
    if (!this.isOversized(want)) return undefined;
    this.#asked = want;
    return this.refusal;
  }

  /** Looks at what was asked for since the last look, and at what waits. */
  look(nowMs: number, waiting: readonly RoomWant[]): void {
    if (this.#refused !== undefined) {
      const { want, unsettled } = this.#refused;
      if (!this.isOversized(want)) this.#refused = undefined;
      else if (unsettled !== this.#options.kept().unsettled) this.#refuse(want);
      if (this.#refused !== undefined) return;
    }
    const want = [...(this.#asked ? [this.#asked] : []), ...waiting]
      .find((it) => this.isOversized(it));
    this.#asked = undefined;
    if (want === undefined) {
      this.#since = undefined;
      return;
    }
    const { attempts } = this.#options.kept();
    this.#since ??= { atMs: nowMs, attempts };
    const isOver = nowMs - this.#since.atMs >= GRACE_MS &&
      attempts - this.#since.attempts >= ATTEMPTS_MIN;
    if (isOver) this.#refuse(want);
  }

  /** Refuses nothing any more. */
  stop(): void {
    this.#refused = undefined;
  }

  #refuse(want: RoomWant): void {
    const { unsettled } = this.#options.kept();
    const reason = new Error(this.#reason(want));
    this.#refused = { want, unsettled, reason };
  }

  #reason(want: RoomWant): string {
    const { kept, room } = this.#options;
    const { slots, journalBytes, unsettled } = kept();
    const cause = unsettled
      ? `has not been found yet: ${SEARCH_ADVICE}`
      : `is damaged: ${DAMAGE_ADVICE}`;
    const lack = slots + want.slots > room.slots
      ? `${counted(want.slots, "block")} of memory, of which ${
        room.slots - slots
      } can be had`
      : `${want.journalBytes} bytes of the journal, and no more than ${
        Math.max(0, room.journalBytes - journalBytes)
      } are left`;
    return `a write needs ${lack} beside writes that the archive cannot take, because what lies under them ${cause}`;
  }
}
