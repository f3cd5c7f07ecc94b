/**
 * Index entries in memory: an open-addressed table in one typed array, since a
 * Map costs several times as much an entry. Entries are never removed singly.
 *
 * @module
 */

import { compareKeys, ENTRY_WORDS, EXTENT_WORD } from "./entry.ts";

const SLOTS_MIN = 1024;
/** The word of the key that chooses the slot. Scores are uniform as they are. */
const SLOT_WORD = 1;

/** A table of entries by key. */
export class EntryTable {
  #slots = SLOTS_MIN;
  #words = new Uint32Array(SLOTS_MIN * ENTRY_WORDS);
  #count = 0;

  /** How many entries there are. */
  get count(): number {
    return this.#count;
  }

  /** The entries, `ENTRY_WORDS` a slot; valid until the next `set` or `clear`. A slot whose last word is 0 is free. */
  get words(): Uint32Array {
    return this.#words;
  }

  /** The word at which the entry with the key at word `key` of `words` begins, or -1. */
  find(words: Uint32Array, key: number = 0): number {
    const at = this.#locate(words, key);
    return this.#words[at + EXTENT_WORD] === 0 ? -1 : at;
  }

  /** Adds `entry`, copied, in place of one of the same key. */
  set(entry: Uint32Array): void {
    const at = this.#locate(entry);
    const isNew = this.#words[at + EXTENT_WORD] === 0;
    this.#words.set(entry, at);
    if (!isNew) return;
    this.#count++;
    if (this.#count * 3 > this.#slots * 2) this.#grow();
  }

  /** Forgets all entries; their memory is for the next ones. */
  clear(): void {
    this.#words.fill(0);
    this.#count = 0;
  }

  #locate(entry: Uint32Array, key: number = 0): number {
    const words = this.#words;
    const mask = this.#slots - 1;
    for (let slot = (entry[key + SLOT_WORD] as number) & mask;;) {
      const at = slot * ENTRY_WORDS;
      if (words[at + EXTENT_WORD] === 0) return at;
      if (compareKeys(words, at, entry, key) === 0) return at;
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    const old = this.#words;
    this.#slots *= 2;
    this.#words = new Uint32Array(this.#slots * ENTRY_WORDS);
    for (let at = 0; at < old.length; at += ENTRY_WORDS) {
      if (old[at + EXTENT_WORD] === 0) continue;
      const entry = old.subarray(at, at + ENTRY_WORDS);
      this.#words.set(entry, this.#locate(entry));
    }
  }
}
