/**
 * An index in memory alone: for archives in memory, for tests, and for the
 * simulation. About 50 to 100 bytes an entry.
 *
 * @module
 */

import {
  ENTRY_WORDS,
  readLocation,
  setEntry,
  setKey,
  setSuspect,
} from "./entry.ts";
import { EntryTable } from "./entry_table.ts";
import { PackTable } from "./pack_table.ts";
import type { BlockLocation, IndexEntries, ScoreIndex } from "./score_index.ts";

/** An index that ends with the process. */
export class MemoryIndex implements ScoreIndex {
  readonly #table = new EntryTable();
  readonly #packs = new PackTable();
  readonly #entry = new Uint32Array(ENTRY_WORDS);

  get packCount(): number {
    return this.#packs.count;
  }

  get(scores: Uint8Array, offset: number, location: BlockLocation): boolean {
    setKey(this.#entry, scores, offset);
    const at = this.#table.find(this.#entry);
    if (at < 0) return false;
    readLocation(this.#table.words, at, location);
    return true;
  }

  addPack(name: string, entries: IndexEntries): void {
    const pack = this.#packs.add(name);
    for (let position = 0; position < entries.count; position++) {
      setEntry(this.#entry, entries, { pack, position });
      this.#table.set(this.#entry);
    }
  }

  suspect(scores: Uint8Array, offset: number): void {
    setKey(this.#entry, scores, offset);
    const at = this.#table.find(this.#entry);
    if (at >= 0) setSuspect(this.#table.words, at);
  }

  knowsPack(name: string): boolean {
    return this.#packs.has(name);
  }

  packName(pack: number): string {
    return this.#packs.name(pack);
  }

  beginRebuild(): void {
    this.#table.clear();
    this.#packs.clear();
  }

  /** Nothing to do: no later process sees this index. */
  endRebuild(): void {}

  /** Nothing to do: nothing here is durable. */
  flush(): void {}

  close(): void {
    this.beginRebuild();
  }
}
