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
import {
  type FingerprintBits,
  fuseHas,
  fuseProbe,
  type FuseTable,
  NO_SLOTS,
  PROBE_WORDS,
  setProbe,
  shapesOf,
} from "./fuse_table.ts";
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

/** A key is before the first of the run. */
const NO_TABLE = -1;
/** A key may be in the run, whatever tables say. */
const ANY_TABLE = -2;

/** A filter over the keys of index entries. */
export class KeyFilter {
  /** Slots of the tables, in the order of the pages; absent where keys fit in none, or nobody asks any more. */
  readonly #slots: (Uint8Array<ArrayBuffer> | undefined)[];
  /** Shapes of the tables: together, for they are in no cache when they are needed. */
  readonly #shapes: Uint32Array;
  /** First words of the first keys of the tables. */
  readonly #bounds: Uint32Array;
  /** Tables by the difference of first words: keys are spread evenly, so this tells the right one nearly always. */
  readonly #density: number;
  readonly #probe = new Uint32Array(PROBE_WORDS);

  /** Takes over the tables, each for `tablePages`, of a run with these fences. */
  constructor(
    tables: readonly (FuseTable | undefined)[],
    tablePages: number,
    fences: Uint32Array,
  ) {
    this.#slots = tables.map((table) => table?.bytes);
    this.#shapes = shapesOf(tables);
    this.#bounds = Uint32Array.from(
      tables,
      (_, i) => fences[i * tablePages] as number,
    );
    const span = (fences[fences.length - 1] ?? 0) - (fences[0] ?? 0);
    this.#density = fences.length / tablePages / Math.max(1, span);
  }

  /** Bytes of the tables. */
  get byteCount(): number {
    return this.#slots.reduce((sum, slots) => sum + (slots?.length ?? 0), 0);
  }

  /** False if the run does not have the key at word `at` of `entries`. */
  has(entries: Uint32Array, at: number): boolean {
    return fuseHas(this.probe(entries, at, this.#probe, 0), this.#probe, 0);
  }

  /**
   * Works out at word `target` of `probes` where to look for the key at word
   * `at` of `entries`, without looking; the slots to look at.
   */
  probe(
    entries: Uint32Array,
    at: number,
    probes: Uint32Array,
    target: number,
  ): Uint8Array<ArrayBuffer> {
    const number = this.#tableOf(entries[at] as number);
    const slots = number < 0 ? undefined : this.#slots[number];
    if (slots === undefined) {
      setProbe(probes, target, number !== NO_TABLE);
      return NO_SLOTS;
    }
    const key = at + TABLE_KEY_WORD;
    const low = entries[key] as number;
    const high = entries[key + 1] as number;
    fuseProbe({ shapes: this.#shapes, number, low, high }, probes, target);
    return slots;
  }

  /** Gives up the tables that only have keys whose first words are below `first`. */
  releaseBelow(first: number, pool: WordPool): void {
    const bounds = this.#bounds;
    for (let i = 0; i < bounds.length; i++) {
      const isBelow = i + 1 < bounds.length &&
        (bounds[i + 1] as number) < first;
      const slots = this.#slots[i];
      if (!isBelow || slots === undefined) continue;
      releaseTable(slots, pool);
      this.#slots[i] = undefined;
    }
  }

  /** Gives all memory back. */
  release(pool: WordPool): void {
    this.releaseBelow(Infinity, pool);
    const last = this.#slots.pop();
    if (last !== undefined) releaseTable(last, pool);
  }

  /** Which table knows of keys with this first word; `NO_TABLE` or `ANY_TABLE`. */
  #tableOf(first: number): number {
    const bounds = this.#bounds;
    const last = bounds.length - 1;
    const distance = first - (bounds[0] as number);
    if (!(distance >= 0)) return NO_TABLE;
    let number = Math.min(last, Math.floor(distance * this.#density));
    while ((bounds[number] as number) > first) number--;
    while (number < last && (bounds[number + 1] as number) <= first) number++;
    // A key that begins as this table does may be in the one before.
    return bounds[number] === first && number > 0 ? ANY_TABLE : number;
  }
}
