/**
 * Entries that were added and whose share of the merging is still to be done.
 *
 * @module
 */

/** Tables of entries that may wait before whoever adds has to wait. */
const TABLES_MAX = 2;
/** Entries that a step of the merging is for: a few milliseconds. */
const STEP_ENTRIES = 2048;
/** What a pack counts at least, so that small ones are merged, too. */
const PACK_CREDIT_MIN = 512;

/** Paces the merging by what is added. */
export class MergeDebt {
  readonly #entriesMax: number;
  #entries = 0;

  /** Nothing waits; a table has `tableEntries`. */
  constructor(tableEntries: number) {
    this.#entriesMax = Math.max(TABLES_MAX * tableEntries, PACK_CREDIT_MIN);
  }

  /** True when whoever adds has to wait. */
  get isTooMuch(): boolean {
    return this.#entries > this.#entriesMax;
  }

  /** A pack was added. */
  add(entryCount: number): void {
    this.#entries += Math.max(entryCount, PACK_CREDIT_MIN);
  }

  /** So many entries are merged now; 0 when none wait. */
  take(): number {
    const share = Math.min(this.#entries, STEP_ENTRIES);
    this.#entries -= share;
    return share;
  }

  /** Nothing waits any more. */
  clear(): void {
    this.#entries = 0;
  }
}
