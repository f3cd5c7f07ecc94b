/**
 * Fills an index pack by pack: for as many as its memory holds.
 *
 * @module
 */

import { KEY_LENGTH } from "./entry.ts";
import {
  emptyLocation,
  type IndexEntries,
  type IndexFill,
  type ScoreIndex,
} from "./score_index.ts";

/** Takes packs of which no block is in another one. */
export class DirectFill implements IndexFill {
  readonly #index: Pick<ScoreIndex, "get" | "addPack">;

  /** Adds nothing yet. */
  constructor(index: Pick<ScoreIndex, "get" | "addPack">) {
    this.#index = index;
  }

  async addPack(name: string, entries: IndexEntries): Promise<boolean> {
    if (this.#holdsAny(entries)) return false;
    await this.#index.addPack(name, entries);
    return true;
  }

  /** Every pack was taken as a whole, or not at all. */
  finish(): Promise<ReadonlySet<string>> {
    return Promise.resolve(new Set());
  }

  /** Nothing to do: there are no files. */
  discard(): Promise<void> {
    return Promise.resolve();
  }

  #holdsAny({ count, keys }: IndexEntries): boolean {
    const location = emptyLocation();
    for (let position = 0; position < count; position++) {
      const at = position * KEY_LENGTH;
      if (this.#index.get(keys, at, location)) return true;
    }
    return false;
  }
}
