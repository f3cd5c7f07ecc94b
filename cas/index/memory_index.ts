/**
 * An index in memory alone: for archives in memory, for tests, and for the
 * simulation. About 50 to 100 bytes an entry.
 *
 * @module
 */

import { SCORE_LENGTH } from "../block_store.ts";
import {
  ENTRY_WORDS,
  PACK_WORD,
  readLocation,
  setEntry,
  setKey,
  setSuspect,
} from "./entry.ts";
import { DirectFill } from "./direct_fill.ts";
import { EntryTable } from "./entry_table.ts";
import { PackTable } from "./pack_table.ts";
import type {
  BlockLocation,
  FormerIndex,
  IndexEntries,
  IndexFill,
  IndexStatistics,
  ScoreIndex,
} from "./score_index.ts";

/** An index that ends with the process. */
export class MemoryIndex implements ScoreIndex {
  #table = new EntryTable();
  #packs = new PackTable();
  readonly #suspectPacks = new Set<number>();
  readonly #entry = new Uint32Array(ENTRY_WORDS);
  #generation = 0;
  #former: MemoryIndex | undefined;

  /** It has no files. */
  readonly shortage: undefined = undefined;

  get generation(): number {
    return this.#generation;
  }

  get former(): FormerIndex | undefined {
    return this.#former;
  }

  get packCount(): number {
    return this.#packs.count;
  }

  get statistics(): IndexStatistics {
    return {
      entryCount: this.#table.count,
      passedOverCount: 0,
      memoryBytes: this.#table.words.byteLength,
      pageReads: 0,
    };
  }

  get restsOnCopies(): boolean {
    return this.#packs.restOnCopies;
  }

  get(scores: Uint8Array, offset: number, location: BlockLocation): boolean {
    setKey(this.#entry, scores, offset);
    const at = this.#table.find(this.#entry);
    if (at < 0) return false;
    readLocation(this.#table.words, at, location);
    return true;
  }

  getCheaply(
    scores: Uint8Array,
    offset: number,
    location: BlockLocation,
  ): boolean {
    return this.get(scores, offset, location);
  }

  findNew(scores: Uint8Array): Uint8Array {
    const news = new Uint8Array(scores.length / SCORE_LENGTH);
    return news.map((_, position) => {
      setKey(this.#entry, scores, position * SCORE_LENGTH);
      return this.#table.find(this.#entry) < 0 ? 1 : 0;
    });
  }

  requireRoom(): Promise<void> {
    return Promise.resolve();
  }

  addPack(name: string, entries: IndexEntries): Promise<void> {
    const pack = this.#packs.add(name, entries.unproven);
    for (let position = 0; position < entries.count; position++) {
      setEntry(this.#entry, entries, { pack, position });
      this.#table.set(this.#entry);
    }
    return Promise.resolve();
  }

  suspect(scores: Uint8Array, offset: number): void {
    setKey(this.#entry, scores, offset);
    const at = this.#table.find(this.#entry);
    if (at < 0) return;
    setSuspect(this.#table.words, at);
    this.#suspectPacks.add(this.#table.words[at + PACK_WORD] as number);
  }

  isSuspectPack(pack: number): boolean {
    return this.#suspectPacks.has(pack);
  }

  knowsPack(name: string): boolean {
    return this.#packs.has(name);
  }

  packName(pack: number): string {
    return this.#packs.name(pack);
  }

  beginRebuild(): Promise<void> {
    // Of attempts that failed the first is kept: it knew the most.
    if (this.#former === undefined) {
      this.#former = new MemoryIndex();
      this.#former.#table = this.#table;
      this.#former.#packs = this.#packs;
    }
    this.#forget();
    return Promise.resolve();
  }

  fill(): IndexFill {
    return new DirectFill(this);
  }

  endRebuild(): Promise<void> {
    this.#former = undefined;
    return Promise.resolve();
  }

  /** Nothing to do: nothing here is durable. */
  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#former = undefined;
    this.#forget();
    return Promise.resolve();
  }

  #forget(): void {
    this.#generation++;
    this.#table = new EntryTable();
    this.#packs = new PackTable();
    this.#suspectPacks.clear();
  }
}
