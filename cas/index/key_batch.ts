/**
 * Keys that are asked for together. Asked one by one, each waits for memory at
 * every filter. Here it is first worked out for all of them where to look, and
 * only then looked: so they wait at the same time, and for half as long in all.
 *
 * @module
 */

import { SCORE_LENGTH } from "../block_store.ts";
import { ENTRY_WORDS, setKey } from "./entry.ts";
import {
  fuseHas,
  NO_SLOTS,
  PROBE_WORDS,
  setProbe,
  touchSlots,
} from "./fuse_table.ts";
import type { KeyFilter } from "./key_filter.ts";

/** Keys, and which of them are open: nobody had them so far. */
export class KeyBatch {
  /** The keys, each at the beginning of an entry. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** Positions of the open keys, ascending; behind them anything. */
  readonly #open: Uint16Array<ArrayBuffer>;
  #openCount = 0;
  /** Of every open key: where to look for it next. */
  readonly #slots: Uint8Array<ArrayBuffer>[];
  readonly #probes: Uint32Array<ArrayBuffer>;
  /** Of no meaning: keeps a compiler from leaving out what only fetches. */
  touched = 0;

  /** Has room for `countMax` keys, 65,536 at most. */
  constructor(countMax: number) {
    this.words = new Uint32Array(countMax * ENTRY_WORDS);
    this.#open = new Uint16Array(countMax);
    this.#slots = new Array<Uint8Array<ArrayBuffer>>(countMax).fill(NO_SLOTS);
    this.#probes = new Uint32Array(countMax * PROBE_WORDS);
  }

  /** How many keys are open. */
  get openCount(): number {
    return this.#openCount;
  }

  /** Takes the keys of `count` scores from number `first` of `scores` on, all of them open. */
  load(scores: Uint8Array, first: number, count: number): void {
    for (let i = 0; i < count; i++) {
      setKey(this.words, scores, (first + i) * SCORE_LENGTH, i * ENTRY_WORDS);
      this.#open[i] = i;
    }
    this.#openCount = count;
  }

  /** Which of the keys that were loaded the open key `index` is. */
  position(index: number): number {
    return this.#open[index] as number;
  }

  /** The word at which the open key `index` begins. */
  wordOf(index: number): number {
    return (this.#open[index] as number) * ENTRY_WORDS;
  }

  /** The next `sift` is to ask this filter for the open key `index`. */
  ask(index: number, filter: KeyFilter): void {
    this.#slots[index] = filter.probe(
      this.words,
      this.wordOf(index),
      this.#probes,
      index * PROBE_WORDS,
    );
  }

  /** The next `sift` is to take the open key `index` for had, or not. */
  answer(index: number, has: boolean): void {
    this.#slots[index] = NO_SLOTS;
    setProbe(this.#probes, index * PROBE_WORDS, has);
  }

  /** Looks where it was to look for every open key; those that may be had are open no more. */
  sift(): void {
    this.#fetch();
    const open = this.#open;
    const slots = this.#slots;
    const probes = this.#probes;
    let kept = 0;
    for (let i = 0; i < this.#openCount; i++) {
      open[kept] = open[i] as number;
      const has = fuseHas(
        slots[i] as Uint8Array<ArrayBuffer>,
        probes,
        i * PROBE_WORDS,
      );
      kept += has ? 0 : 1;
    }
    this.#openCount = kept;
  }

  /**
   * Brings into the cache what `sift` looks at. Of a loop as short as this one the
   * processor has many turns under way, each with its own wait: 15 % less in all.
   */
  #fetch(): void {
    const slots = this.#slots;
    const probes = this.#probes;
    let touched = 0;
    for (let i = 0; i < this.#openCount; i++) {
      touched ^= touchSlots(
        slots[i] as Uint8Array<ArrayBuffer>,
        probes,
        i * PROBE_WORDS,
      );
    }
    this.touched = touched;
  }
}
