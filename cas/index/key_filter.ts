/**
 * The filter of a run. It says "no" only of keys that the run does not have,
 * and "yes" of a few others.
 *
 * It is made of binary fuse tables, each for some hundred pages of the run: so
 * a table is made in three milliseconds, in little memory, while the run is
 * written, and is given up as soon as its part of the run is.
 *
 * @module
 */

import { releaseTable } from "./fuse_builder.ts";
import { type FingerprintBits, fuseHas, type FuseTable } from "./fuse_table.ts";
import { PAGE_ENTRIES } from "./run_format.ts";
import type { WordPool } from "./word_pool.ts";

/** The words of an entry that a table knows: not the first, by which entries are sorted. */
export const TABLE_KEY_WORD = 1;

/** How a filter trades memory for wrong answers. Tables of all shapes take about as many bytes, so that the memory of one suits any other. */
export interface FilterShape {
  /** Bits of a slot; a key takes about 1.2 slots. */
  readonly bits: FingerprintBits;
  /** Pages that a table is for. */
  readonly tablePages: number;
}

/** For the many, of which a question meets one run: wrong once in 128 times. */
export const LARGE_FILTER: FilterShape = { bits: 7, tablePages: 512 };
/** For the few that every question meets: wrong once in 4096 times. */
export const SMALL_FILTER: FilterShape = { bits: 12, tablePages: 288 };

/** Most keys of a table. */
export function tableKeysMax({ tablePages }: FilterShape): number {
  return tablePages * PAGE_ENTRIES;
}

/** A filter over the keys of index entries. */
export class KeyFilter {
  /** In the order of the pages; absent where keys fit in none, or nobody asks any more. */
  readonly #tables: (FuseTable | undefined)[];
  /** First words of the first keys of the tables. */
  readonly #bounds: Uint32Array;
  /** Tables by the difference of first words: keys are spread evenly, so this tells the right one nearly always. */
  readonly #density: number;

  /** Takes over the tables, each for `tablePages`, of a run with these fences. */
  constructor(
    tables: (FuseTable | undefined)[],
    tablePages: number,
    fences: Uint32Array,
  ) {
    this.#tables = tables;
    this.#bounds = Uint32Array.from(
      tables,
      (_, i) => fences[i * tablePages] as number,
    );
    const span = (fences[fences.length - 1] ?? 0) - (fences[0] ?? 0);
    this.#density = fences.length / tablePages / Math.max(1, span);
  }

  /** Bytes of the tables. */
  get byteCount(): number {
    return this.#tables.reduce(
      (sum, table) => sum + (table?.bytes.length ?? 0),
      0,
    );
  }

  /** False if the run does not have the key at word `at` of `entries`. */
  has(entries: Uint32Array, at: number): boolean {
    const first = entries[at] as number;
    const bounds = this.#bounds;
    const last = bounds.length - 1;
    const distance = first - (bounds[0] as number);
    if (!(distance >= 0)) return false;
    let number = Math.min(last, Math.floor(distance * this.#density));
    while ((bounds[number] as number) > first) number--;
    while (number < last && (bounds[number + 1] as number) <= first) number++;
    // A key that begins as this table does may be in the one before.
    if (bounds[number] === first && number > 0) return true;
    const table = this.#tables[number];
    const key = at + TABLE_KEY_WORD;
    return table === undefined ||
      fuseHas(table, entries[key] as number, entries[key + 1] as number);
  }

  /** Gives up the tables that only have keys whose first words are below `first`. */
  releaseBelow(first: number, pool: WordPool): void {
    const bounds = this.#bounds;
    for (let i = 0; i < bounds.length; i++) {
      const isBelow = i + 1 < bounds.length &&
        (bounds[i + 1] as number) < first;
      const table = this.#tables[i];
      if (!isBelow || table === undefined) continue;
      releaseTable(table, pool);
      this.#tables[i] = undefined;
    }
  }

  /** Gives all memory back. */
  release(pool: WordPool): void {
    this.releaseBelow(Infinity, pool);
    const last = this.#tables.pop();
    if (last !== undefined) releaseTable(last, pool);
  }
}
