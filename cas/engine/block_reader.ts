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
 * That takes minutes for a large archive, longer than a client waits. Only reads
 * that find nothing wait for it, and those on behalf of a client not to its end.
 *
 * @module
 */

import type {
  BlockDamage,
  BlockReceiver,
  ProbeReceiver,
} from "../block_store.ts";
import { gatherScores } from "../bytes.ts";
import { ArchiveError } from "../errors.ts";
import type { EngineClock } from "./clock.ts";
import { LastResort, type LastResortOptions } from "./last_resort.ts";

/**
 * How long what no pack is known to hold is sought before a client is told that
 * it cannot be read: Linux gives a disk up that has not answered for 180 s.
 */
export const SEEK_MS = 60_000;

/** What a `BlockReader` reads through. */
export interface BlockReaderOptions extends LastResortOptions {
  /** Bounds how long is sought. */
  readonly clock: Pick<EngineClock, "nowMs" | "sleep">;
}

/** Scores that stand one after the other, and who takes their blocks. */
interface Request {
  readonly kind: number;
  readonly scores: Uint8Array;
  /** True for a `probe`: no block is delivered. */
  readonly probes: boolean;
  readonly receive: BlockReceiver;
}

/** Why blocks of a request were not delivered, by their places. */
type Missing = Map<number, BlockDamage>;

/** Verified reads of blocks by score. */
export class BlockReader {
  /** What is done about what is missing. */
  readonly last: LastResort;
  readonly #options: BlockReaderOptions;
  /** How long may be sought. */
  #leftMs: number;

  /** Reads through the given store; seeks until all was done. */
  constructor(
    options: BlockReaderOptions,
    last: LastResort = new LastResort(options),
    seekMs: number = Infinity,
  ) {
    this.#options = options;
    this.last = last;
    this.#leftMs = seekMs;
  }

  /**
   * The same for one request, which waits so long at most for what no pack is
   * known to hold, all its reads together. What is not found by then is
   * delivered as damage, `unsettled` where it may be found yet.
   */
  within(seekMs: number): BlockReader {
    return new BlockReader(this.#options, this.last, seekMs);
  }

  /** As `BlockStore.read`. */
  async read(
    kind: number,
    scores: Uint8Array,
    receive: BlockReceiver,
  ): Promise<void> {
    await this.#deliver({ kind, scores, probes: false, receive });
  }

  /** As `BlockStore.probe`. */
  async probe(
    kind: number,
    scores: Uint8Array,
    tell: ProbeReceiver,
  ): Promise<void> {
    const receive: BlockReceiver = (index, _, damage) => tell(index, damage);
    await this.#deliver({ kind, scores, probes: true, receive });
  }

  async #deliver(request: Request): Promise<void> {
    let missing = await this.#read(request);
    if (missing.size === 0) return;
    if (this.#leftMs === Infinity) missing = await this.#seek(request, missing);
    else if (this.#leftMs > 0) {
      missing = await this.#seekAWhile(request, missing);
    }
    for (const [index, damage] of missing) {
      request.receive(index, undefined, this.#describe(damage));
    }
  }

  /** Reads these blocks, or all; those that no pack is known to hold are not delivered. */
  async #read(
    { kind, scores, probes, receive }: Request,
    indexes?: readonly number[],
  ): Promise<Missing> {
    const { blocks } = this.#options;
    const missing: Missing = new Map();
    const wanted = indexes === undefined
      ? scores
      : gatherScores(scores, indexes);
    const take: BlockReceiver = (place, block, damage) => {
      const index = indexes?.[place] ?? place;
      if (damage !== undefined && damage.pack === undefined) {
        missing.set(index, damage);
      } else receive(index, block, damage);
    };
    await (probes
      ? blocks.probe(kind, wanted, (place, damage) => {
        take(place, undefined, damage);
      })
      : blocks.read(kind, wanted, take));
    return missing;
  }

  /** Does all that can be done to find the blocks that are missing; those that are still. */
  async #seek(request: Request, missed: Missing): Promise<Missing> {
    const { last } = this;
    let missing = missed;
    // An index that is made anew may find them, and still lacks packs itself.
    if ([...missing.values()].some((it) => it.unsettled)) {
      await last.mend();
      missing = await this.#read(request, [...missing.keys()]);
      if (missing.size === 0) return missing;
    }
    await last.search();
    // Whatever the search found: a damaged index may have been made anew since
    // the block was looked up, and know packs that it did not know then.
    const madeCount = await last.mend();
    missing = await this.#read(request, [...missing.keys()]);
    if (missing.size > 0 && await last.dropCopies(madeCount)) {
      missing = await this.#read(request, [...missing.keys()]);
    }
    return missing;
  }

  /** The same as long as may be sought; what is begun goes on beside everything else. */
  async #seekAWhile(request: Request, missed: Missing): Promise<Missing> {
    const { clock, retry } = this.#options;
    const left: Missing = new Map(missed);
    let isOver = false;
    const receive: BlockReceiver = (index, block, damage) => {
      if (isOver) return;
      left.delete(index);
      request.receive(index, block, damage);
    };
    const timer = new AbortController();
    const startMs = clock.nowMs();
    // It may go on when the scores are their owner's again.
    const scores = request.scores.slice();
    const seeking = this.#seek({ ...request, scores, receive }, missed);
    // Whoever asks again is told.
    seeking.catch(() => {});
    const signal = AbortSignal.any([timer.signal, retry.signal]);
    const timeUp = clock.sleep(this.#leftMs, signal).then(() => left);
    try {
      const missing = await Promise.race([seeking, timeUp]);
      if (!retry.signal.aborted) return missing;
      const message = "Cannot seek blocks any more: the archive is closed";
      throw new ArchiveError("Closed", message);
    } finally {
      isOver = true;
      timer.abort();
      this.#leftMs = Math.max(0, this.#leftMs - (clock.nowMs() - startMs));
    }
  }

  /** Says what is under way that may find the block yet. */
  #describe(damage: BlockDamage): BlockDamage {
    const { blocks, store } = this.#options;
    const { packsIndexed } = blocks;
    const doing = packsIndexed !== undefined
      ? `the index is being made anew, so far of ${packsIndexed} packs of ${store.display}`
      : this.last.searching
      ? `unknown packs are being looked for in ${store.display}`
      : damage.unsettled === true
      ? "the index is to be made anew"
      : undefined;
    if (doing === undefined) return damage;
    return { reason: `${damage.reason}, but ${doing}`, unsettled: true };
  }
}
