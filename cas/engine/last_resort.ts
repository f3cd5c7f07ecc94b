/**
 * What can be done about a block that no pack is known to hold. Whoever misses
 * one waits for the same work.
 *
 * @module
 */

import type { BlobStore } from "../../blobstores/blob_store.ts";
import type { BlockStore } from "../block_store.ts";
import type { EventSink } from "../events.ts";
import { PACKS_PREFIX } from "../packs/pack_files.ts";
import type { EngineClock } from "./clock.ts";
import type { Retry } from "./retry.ts";
import { makeIndex, progressTeller } from "./start_blocks.ts";

/** How long what a search found is believed. */
const SEARCH_PAUSE_MS = 60_000;

/** What a last resort works with. */
export interface LastResortOptions {
  /** The blocks. */
  readonly blocks: BlockStore;
  /** Where the packs are listed. */
  readonly store: BlobStore;
  /** Makes the listing survive a store that is away. */
  readonly retry: Retry;
  /** Tells when the last search is too old. */
  readonly clock: Pick<EngineClock, "nowMs">;
  /** Told what is done, and how far it is. */
  readonly onEvent: EventSink;
}

/** One for all who miss something. */
export class LastResort {
  readonly #options: LastResortOptions;
  readonly #tell: (packsDone: number) => void;
  #search: Promise<void> | undefined;
  /** When the last search ended: never, while one is under way. */
  #searchedMs = Infinity;
  #dropping: Promise<void> | undefined;

  /** Does nothing yet. */
  constructor(options: LastResortOptions) {
    this.#options = options;
    this.#tell = progressTeller(options);
  }

  /** True while packs are looked for. */
  get searching(): boolean {
    return this.#search !== undefined && this.#searchedMs === Infinity;
  }

  /** As `BlockStore.mend`, and tells how far it is. */
  mend(): Promise<number> {
    return this.#options.blocks.mend(this.#tell);
  }

  /**
   * Makes the index anew if it rests on copies in the store, one of which must be
   * wrong. True if it was made anew, for whomever, since `mend` gave `madeCount`.
   */
  async dropCopies(madeCount: number): Promise<boolean> {
    const { blocks } = this.#options;
    if (blocks.restsOnCopies) {
      this.#dropping ??= this.#dropCopies().finally(() => {
        this.#dropping = undefined;
      });
    }
    await this.#dropping;
    return await blocks.mend() !== madeCount;
  }

  /** Looks for packs that the index does not know, and adds them; not again within a minute. */
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

  async #dropCopies(): Promise<void> {
    const { blocks, store, onEvent } = this.#options;
    onEvent({
      event: "index-copies-dropped",
      severity: "strange",
      message:
        `A block is not where copies of the index in ${store.display} say: the index is made of the packs alone; what it finds is served meanwhile`,
    });
    await makeIndex(this.#options, (tell) => blocks.dropCopies(tell));
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
