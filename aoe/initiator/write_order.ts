/**
 * Keeps two writes to the same sector from being outstanding together.
 *
 * AoE does not order requests, and a request may be sent twice. If a newer
 * write to a sector were under way while an older one is unanswered, a
 * repetition of the older one could be applied last.
 *
 * What no initiator can rule out: a copy of an answered write that the network
 * itself kept back and delivers after a newer write to the same sector. On a
 * single path (one cable, one switch, a veth pair) frames do not overtake each
 * other, and it does not happen.
 *
 * @module
 */

import type { SectorRange } from "../block_device.ts";

/** A write that has entered and not yet left. */
interface EnteredWrite {
  readonly range: SectorRange;
  readonly left: PromiseWithResolvers<void>;
}

/** Writes of one target that are waiting or under way, in order. */
export class WriteOrder {
  readonly #entered: Set<EnteredWrite> = new Set();

  /**
   * Runs `write` when every write to any of its sectors that came before has
   * ended, well or badly.
   */
  async run<Result>(
    range: SectorRange,
    write: () => Promise<Result>,
  ): Promise<Result> {
    const before = [...this.#entered].filter((it) => overlap(it.range, range));
    const entry = { range, left: Promise.withResolvers<void>() };
    this.#entered.add(entry);
    try {
      for (const { left } of before) await left.promise;
      return await write();
    } finally {
      this.#entered.delete(entry);
      entry.left.resolve();
    }
  }
}

function overlap(a: SectorRange, b: SectorRange): boolean {
  return a.lba < b.lba + b.sectorCount && b.lba < a.lba + a.sectorCount;
}
