/**
 * Reads of the `BlockStore`, with a last resort before a block counts as lost.
 *
 * A pack is normally made known through the root record that names it. A pack
 * that was put before a crash, but named by no root, can still hold the only
 * copy of a block that a later checkpoint took for stored. A machine whose index
 * never saw it finds it here: by listing `packs/` when a score is missing, at most
 * once a minute, so that a lost pack that comes back is found as well. If it is
 * not found then, an index that rests on copies in the store is made anew.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import {
  type BlockDamage,
  type BlockReceiver,
  type BlockStore,
  SCORE_LENGTH,
} from "../block_store.ts";
import type { EventSink } from "../events.ts";
import { scoreAt } from "../bytes.ts";
import { PACKS_PREFIX } from "../packs/pack_files.ts";
import type { EngineClock } from "./clock.ts";
import type { Retry } from "./retry.ts";

/** How long what a search found is believed. */
const SEARCH_PAUSE_MS = 60_000;

/** What a `BlockReader` reads through. */
export interface BlockReaderOptions {
  /** The blocks. */
  readonly blocks: BlockStore;
  /** Where the packs are listed. */
  readonly store: BlobStore;
  /** Makes the listing survive a store that is away. */
  readonly retry: Retry;
  /** Tells when the last search is too old. */
  readonly clock: Pick<EngineClock, "nowMs">;
  /** Told when the search starts and what it found. */
  readonly onEvent: EventSink;
}

/** Scores that stand one after the other, and who takes their blocks. */
interface Request {
  readonly kind: number;
  readonly scores: Uint8Array;
  readonly receive: BlockReceiver;
}

/** Verified reads of blocks by score. */
export class BlockReader {
  readonly #options: BlockReaderOptions;
  #search: Promise<void> | undefined;
  /** When the last search ended: never, while one is under way. */
  #searchedMs = Infinity;

  /** Reads through the given store. */
  constructor(options: BlockReaderOptions) {
    this.#options = options;
  }

  /** As `BlockStore.read`. */
  async read(
    kind: number,
    scores: Uint8Array,
    receive: BlockReceiver,
  ): Promise<void> {
    const request = { kind, scores, receive };
    let missing = await this.#read(request);
    if (missing.size === 0) return;
    await this.search();
    // Whatever the search found: a damaged index may have been made anew since
    // the block was looked up, and know packs that it did not know then.
    const madeCount = await this.#options.blocks.mend();
    missing = await this.#read(request, [...missing.keys()]);
    if (missing.size > 0 && await this.dropCopies(madeCount)) {
      missing = await this.#read(request, [...missing.keys()]);
    }
    for (const [index, damage] of missing) receive(index, undefined, damage);
  }

  /** Reads these blocks, or all; those that no pack is known to hold are not delivered. */
  async #read(
    { kind, scores, receive }: Request,
    indexes?: readonly number[],
  ): Promise<Map<number, BlockDamage>> {
    const missing = new Map<number, BlockDamage>();
    const wanted = indexes === undefined ? scores : gather(scores, indexes);
    await this.#options.blocks.read(kind, wanted, (place, block, damage) => {
      const index = indexes?.[place] ?? place;
      if (damage !== undefined && damage.pack === undefined) {
        missing.set(index, damage);
      } else receive(index, block, damage);
    });
    return missing;
  }

  /**
   * Makes the index anew if it rests on copies in the store, one of which must be
   * wrong. True if it was made anew, for whomever, since `mend` gave `madeCount`.
   */
  async dropCopies(madeCount: number): Promise<boolean> {
    const { blocks, store, onEvent } = this.#options;
    if (await blocks.dropCopies()) {
      onEvent({
        event: "index-copies-dropped",
        severity: "strange",
        message:
          `A block was not where copies of the index in ${store.display} say: the index is made of the packs alone now`,
      });
    }
    return await blocks.mend() !== madeCount;
  }

  /**
   * Looks for packs in the store that the index does not know, and adds them;
   * not again within a minute.
   */
  search(): Promise<void> {
    const { clock } = this.#options;
    const isOld = clock.nowMs() - this.#searchedMs >= SEARCH_PAUSE_MS;
    if (this.#search !== undefined && !isOld) return this.#search;
    this.#searchedMs = Infinity;
    this.#search = this.#addUnknownPacks().catch((error: unknown) => {
      this.#search = undefined;
      throw error;
    }).finally(() => {
      this.#searchedMs = clock.nowMs();
    });
    return this.#search;
  }

  async #addUnknownPacks(): Promise<void> {
    const { blocks, store, retry, onEvent } = this.#options;
    onEvent({
      event: "pack-search",
      severity: "strange",
      message:
        `A block is in no known pack: looking for unknown packs in ${store.display}`,
    });
    const names = await retry.run(
      `list packs in ${store.display}`,
      async () => {
        const unknown: string[] = [];
        for await (const { key } of store.list(PACKS_PREFIX)) {
          const name = key.slice(key.lastIndexOf("/") + 1);
          if (!blocks.knowsPack(name)) unknown.push(name);
        }
        return unknown;
      },
    );
    if (names.length > 0) await blocks.addPacks(names);
    onEvent({
      event: "pack-search-done",
      severity: "info",
      message: `Found ${names.length} unknown packs in ${store.display}`,
      packCount: names.length,
    });
  }
}

function gather(scores: Uint8Array, indexes: readonly number[]): Uint8Array {
  const some = new Uint8Array(indexes.length * SCORE_LENGTH);
  indexes.forEach((index, place) =>
    some.set(scoreAt(scores, index), place * SCORE_LENGTH)
  );
  return some;
}
