/**
 * Looks again for roots: those that another server publishes, in an archive that
 * is only read; those that were damaged, in one that is written.
 *
 * @module
 */

import type { EngineContext } from "./context.ts";
import type { OpenBlocks } from "./open_blocks.ts";
import type { PublishedRoot } from "./root_blob.ts";

/** What was found less than this ago is believed. */
const FRESH_MS = 1000;

/** Looks for the heads that are new; gives them. */
type RootSearch = (context: EngineContext) => Promise<PublishedRoot[]>;

/** Looks for roots now and then. */
export class Refresh {
  readonly #context: EngineContext;
  readonly #search: RootSearch;
  readonly #blocks: OpenBlocks;
  #lookedMs: number;
  #looking: Promise<void> | undefined;

  /** For volumes that were just loaded. */
  constructor(context: EngineContext, search: RootSearch, blocks: OpenBlocks) {
    this.#context = context;
    this.#search = search;
    this.#blocks = blocks;
    this.#lookedMs = context.clock.nowMs();
  }

  /** Brings volumes and blocks up to date, unless they have just been. */
  async run(): Promise<void> {
    const { clock } = this.#context;
    // A clock that was set back says nothing about how long ago it was.
    if (Math.abs(clock.nowMs() - this.#lookedMs) < FRESH_MS) return;
    this.#looking ??= this.#look();
    await this.#looking;
  }

  /** Brings them up to date in any case: nothing published before the call is missed. */
  async now(): Promise<void> {
    // One that is under way may have begun too early; its error is its caller's.
    await this.#looking?.catch(() => {});
    this.#looking ??= this.#look();
    await this.#looking;
  }

  async #look(): Promise<void> {
    try {
      const startMs = this.#context.clock.nowMs();
      const moved = await this.#search(this.#context);
      // Blocks first: whoever finds the volume's new head may read it.
      await this.#blocks.extend(moved);
      this.#lookedMs = startMs;
    } finally {
      this.#looking = undefined;
    }
  }
}
