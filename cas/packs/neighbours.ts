/**
 * Looks scores up, and remembers the packs in which several were found one
 * after the other: what was written together is asked for together, so the next
 * ones are found without the index's files. Packs are numbered as they were
 * written, so whoever has found a quarter of one wants the next one soon: what is
 * fetched ahead comes to it long before its directory could be read.
 *
 * A pack in which a block was ever suspected is never remembered: only the
 * index knows which of its blocks may be relied on.
 *
 * @module
 */

import { SCORE_LENGTH } from "../block_store.ts";
import { ENTRY_WORDS, readLocation, setEntry, setKey } from "../index/entry.ts";
import { EntryTable } from "../index/entry_table.ts";
import {
  type BlockLocation,
  emptyLocation,
  type ScoreIndex,
} from "../index/score_index.ts";
import type { PackDirectory } from "./pack_format.ts";

/** Packs remembered; all of them are asked for each score. */
const PACKS_MAX = 8;
/** Packs followed for whether they are worth it. */
const FOLLOWED_MAX = 4;
/** Scores found in a followed pack that make it worth reading its directory. */
const FINDS_MIN = 8;

/** Whoever has found one in so many of the scores of a pack reads it. */
const READ_SHARE = 4;

/** Scores that are looked up together, from which on it pays to read a directory for them. */
const ROW_MIN = 64;

/**
 * A row waits so long for a directory: a store that is away may never give it,
 * and a cache of packs have the blocks all the same. Each find then reads a page,
 * and no more.
 */
const WAIT_MS = 1000;

/** A directory that is being read. */
interface Loading {
  /** Settles, without fail, when the pack is remembered or cannot be, or it is late; undefined from then on. */
  wait: Promise<void> | undefined;
}

/** A pack that is remembered. */
interface KnownPack {
  readonly pack: number;
  readonly table: EntryTable;
  /** Scores found in it. */
  finds: number;
  /** The next one has been thought of. */
  nextDone: boolean;
}

/** What looking up works with. */
export interface NeighboursOptions {
  /** Where blocks are. */
  readonly index: ScoreIndex;
  /** Reads the directory of a pack; undefined where it cannot be had. */
  readonly load: (name: string) => Promise<PackDirectory | undefined>;
  /** As that of `PackOptions`. */
  readonly sleep: (timeMs: number, signal: AbortSignal) => Promise<void>;
}

/** Finds blocks by score. */
export class Neighbours {
  readonly #options: NeighboursOptions;
  readonly #entry = new Uint32Array(ENTRY_WORDS);
  /** Tables of the packs remembered, the one used last at the end. */
  #tables: KnownPack[] = [];
  /** Packs that scores were found in last, and how many. */
  #followed: { readonly pack: number; finds: number }[] = [];
  /** Directories that are being read, by their packs. */
  readonly #loading = new Map<number, Loading>();
  /** Of the index: packs have other numbers when it is begun anew. */
  #generation: number;

  /** Remembers nothing yet. */
  constructor(options: NeighboursOptions) {
    this.#options = options;
    this.#generation = options.index.generation;
  }

  /**
   * To be called, and waited for, before scores are looked up: where they are
   * many, and begin with two that lie in one pack, its directory is read first. A
   * page of the index for each of them would cost more.
   */
  prepare(scores: Uint8Array): Promise<void> | undefined {
    if (scores.length < ROW_MIN * SCORE_LENGTH) return undefined;
    const pack = this.#packOf(scores, 0);
    if (pack < 0 || pack !== this.#packOf(scores, SCORE_LENGTH)) {
      return undefined;
    }
    return this.#load(pack)?.wait;
  }

  /** The pack that the index names for a score; -1 where it was found without a page, or not at all. */
  #packOf(scores: Uint8Array, offset: number): number {
    const location = emptyLocation();
    if (this.#recall(scores, offset, location)) return -1;
    const found = this.#options.index.get(scores, offset, location);
    return found && location.paged ? location.pack : -1;
  }

  /** As `ScoreIndex.get`. */
  get(scores: Uint8Array, offset: number, location: BlockLocation): boolean {
    if (this.#recall(scores, offset, location)) return true;
    const found = this.#options.index.get(scores, offset, location);
    if (found && location.paged) this.#follow(location.pack);
    return found;
  }

  /** As `ScoreIndex.getCheaply`; with `isNew` the index is not asked. */
  getCheaply(
    scores: Uint8Array,
    offset: number,
    location: BlockLocation,
    isNew: boolean,
  ): boolean {
    if (this.#recall(scores, offset, location)) return true;
    if (isNew) return false;
    const found = this.#options.index.getCheaply(scores, offset, location);
    if (found && location.paged) this.#follow(location.pack);
    return found;
  }

  /** Relies on nothing remembered of a pack. */
  forget(pack: number): void {
    this.#tables = this.#tables.filter((it) => it.pack !== pack);
  }

  #forgetFormer(): void {
    this.#tables = [];
    this.#followed = [];
    this.#generation = this.#options.index.generation;
  }

  #recall(
    scores: Uint8Array,
    offset: number,
    location: BlockLocation,
  ): boolean {
    const { generation } = this.#options.index;
    if (generation !== this.#generation) this.#forgetFormer();
    if (this.#tables.length === 0) return false;
    setKey(this.#entry, scores, offset);
    for (let i = this.#tables.length - 1; i >= 0; i--) {
      const known = this.#tables[i]!;
      const at = known.table.find(this.#entry);
      if (at < 0) continue;
      if (this.#options.index.isSuspectPack(known.pack)) {
        this.forget(known.pack);
        return false;
      }
      readLocation(known.table.words, at, location);
      if (i < this.#tables.length - 1) {
        this.#tables.splice(i, 1);
        this.#tables.push(known);
      }
      known.finds++;
      if (!known.nextDone) this.#expectNext(known);
      return true;
    }
    return false;
  }

  #follow(pack: number): void {
    const followed = this.#followed;
    const place = followed.findIndex((it) => it.pack === pack);
    const one = place < 0 ? { pack, finds: 0 } : followed.splice(place, 1)[0]!;
    followed.push(one);
    if (followed.length > FOLLOWED_MAX) followed.shift();
    if (++one.finds < FINDS_MIN || this.#loading.size > 0) return;
    one.finds = 0;
    this.#load(pack);
  }

  /** Remembers the pack behind one that is read, before it is asked for. */
  #expectNext(known: KnownPack): void {
    const isRead = known.finds * READ_SHARE >= known.table.count;
    if (!isRead || this.#loading.size > 0) return;
    known.nextDone = true;
    const next = known.pack + 1;
    const isThere = next < this.#options.index.packCount &&
      this.#tables.every((it) => it.pack !== next);
    if (isThere) this.#load(next);
  }

  /** Begins to remember a pack; undefined where it may not be relied on, or too many are on their way. */
  #load(pack: number): Loading | undefined {
    const known = this.#loading.get(pack);
    if (known !== undefined) return known;
    const isRefused = this.#options.index.isSuspectPack(pack) ||
      this.#loading.size >= PACKS_MAX;
    if (isRefused) return undefined;
    const timer = new AbortController();
    const done = this.#remember(pack).catch(() => undefined).finally(() => {
      this.#loading.delete(pack);
      timer.abort();
    });
    const late = this.#options.sleep(WAIT_MS, timer.signal).then(() => {
      loading.wait = undefined;
    });
    const loading: Loading = { wait: Promise.race([done, late]) };
    this.#loading.set(pack, loading);
    return loading;
  }

  async #remember(pack: number): Promise<void> {
    const { index, load } = this.#options;
    const { generation } = index;
    const directory = await load(index.packName(pack));
    if (
      directory === undefined || generation !== index.generation ||
      index.isSuspectPack(pack)
    ) return;
    const table = new EntryTable();
    for (let position = 0; position < directory.count; position++) {
      setEntry(this.#entry, directory, { pack, position });
      table.set(this.#entry);
    }
    this.forget(pack);
    this.#tables.push({ pack, table, finds: 0, nextDone: false });
    if (this.#tables.length > PACKS_MAX) this.#tables.shift();
  }
}
