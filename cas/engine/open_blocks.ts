/**
 * The blocks of an open archive, opened and brought up to date when first
 * needed.
 *
 * @module
 */

import type { Shortage } from "../archive_port.ts";
import type { BlockStore } from "../block_store.ts";
import type { ArchiveOptions } from "./archive_options.ts";
import { BlockReader } from "./block_reader.ts";
import type { EngineContext } from "./context.ts";
import { requireKnownPacks } from "./listed_packs.ts";
import { PointerAhead } from "./pointer_ahead.ts";
import { Pointers } from "./pointers.ts";
import type { PublishedRoot } from "./root_blob.ts";
import { startBlocks } from "./start_blocks.ts";

const POINTER_CACHE_BYTES_MAX = 32 * 2 ** 20;

/** Blocks and the ways to read them. */
export interface ReadyBlocks {
  /** The blocks. */
  readonly blocks: BlockStore;
  /** Reads of any blocks. */
  readonly reader: BlockReader;
  /** Reads of pointer blocks. */
  readonly pointers: Pointers;
  /** Reads them before they are needed. */
  readonly ahead: PointerAhead;
}

/** The same for one request, which seeks so long at most: see `BlockReader.within`. */
export function readyWithin(ready: ReadyBlocks, seekMs: number): ReadyBlocks {
  const reader = ready.reader.within(seekMs);
  return { ...ready, reader, pointers: ready.pointers.over(reader) };
}

/** Opens blocks once. */
export class OpenBlocks {
  readonly #context: EngineContext;
  readonly #options: ArchiveOptions;
  readonly #archiveId: string;
  readonly #heads: () => readonly PublishedRoot[];
  readonly #mayBeAhead: boolean;
  #opened: Promise<BlockStore> | undefined;
  #blocks: BlockStore | undefined;
  #ready: Promise<ReadyBlocks> | undefined;

  /** `heads` gives the roots that must be readable; an index that may be ahead of the store is compared with it. */
  constructor(
    context: EngineContext,
    options: ArchiveOptions,
    archiveId: string,
    heads: () => readonly PublishedRoot[],
    mayBeAhead: boolean,
  ) {
    this.#context = context;
    this.#options = options;
    this.#archiveId = archiveId;
    this.#heads = heads;
    this.#mayBeAhead = mayBeAhead;
  }

  /** The blocks, all of them findable. */
  get(): Promise<ReadyBlocks> {
    this.#ready ??= this.#open();
    return this.#ready;
  }

  /** Makes the blocks of roots findable that another server has published. */
  async extend(heads: readonly PublishedRoot[]): Promise<void> {
    if (this.#ready === undefined) return;
    const { blocks } = await this.#ready;
    // Half an index knows few packs: all roots would be read for the others.
    await blocks.mend();
    await startBlocks(this.#context, blocks, heads);
  }

  /** Why no more blocks can be taken, where that is so. */
  get shortage(): Shortage | undefined {
    return this.#blocks?.shortage;
  }

  /** Closes the blocks if they were opened. */
  async close(): Promise<void> {
    const opened = this.#opened?.catch(() => undefined);
    await (await opened)?.close();
  }

  async #open(): Promise<ReadyBlocks> {
    const { store, retry, clock, onEvent } = this.#context;
    this.#opened = this.#options.openBlocks(this.#archiveId, retry.room);
    const blocks = await this.#opened;
    this.#blocks = blocks;
    const isKept = !blocks.empty;
    await startBlocks(this.#context, blocks, this.#heads());
    if (isKept && this.#mayBeAhead) {
      await requireKnownPacks(this.#context, blocks);
    }
    const reader = new BlockReader({
      blocks,
      store,
      retry,
      clock,
      onEvent,
    });
    const cacheBytesMax = this.#options.pointerCacheBytesMax ??
      POINTER_CACHE_BYTES_MAX;
    const pointers = new Pointers(reader, cacheBytesMax);
    // What is not found by the way is sought by who needs it.
    const ahead = new PointerAhead(pointers.over(reader.within(0)));
    return { blocks, reader, pointers, ahead };
  }
}
