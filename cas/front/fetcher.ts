/**
 * Brings blocks from the archive into the cache, each once however many wait
 * for it.
 *
 * A result older than the root installed meanwhile is fetched again: the
 * overlay that hid the difference may be gone.
 *
 * @module
 */

import { type ArchivePort, FetchState } from "../archive_port.ts";
import type { BlockView } from "./block_view.ts";
import {
  FAR_MS,
  FETCH_SCATTERED_MAX,
  type FetchBudget,
} from "./fetch_budget.ts";

/** Called once, at the instant the block is in the cache, or with an error. */
export type BlockWaiter = (error: Error | undefined) => void;

/** What a read of a damaged block rejects with. */
export class DamagedBlockError extends Error {
  /** The block. */
  readonly block: number;

  /** Makes an error; the engine has reported what is wrong. */
  constructor(volume: string, block: number) {
    super(
      `Cannot read block ${block} of volume ${volume}: it is damaged or missing in the archive`,
    );
    this.name = "DamagedBlockError";
    this.block = block;
  }
}

/**
 * Blocks of one fetch. A fetch is answered as a whole, and the archive resolves
 * so many at a time: more of them are several fetches side by side.
 */
const FETCH_BLOCKS_MAX = 256;
/**
 * So small fetches under way at once: what is asked for meanwhile goes together
 * when one of them is answered, or when it fills another. While one is on its
 * way the archive has the other to work on.
 */
const SMALL_FETCHES_MAX = 2;

/** Fetches the blocks of one view. */
export class Fetcher {
  readonly #port: ArchivePort;
  readonly #view: BlockView;
  readonly #budget: FetchBudget;
  readonly #volume: string;
  readonly #waiters: Map<number, BlockWaiter[]> = new Map();
  readonly #send: () => void = () => this.#sendOrHold();
  #queue: number[] = [];
  /** Those of the queue that the archive has sought. */
  readonly #sought: Set<number> = new Set();
  #isDue = false;
  /** Small fetches under way. */
  #smallCount = 0;
  /** Something is held back, and is sent in a while whatever happens. */
  #isHolding = false;

  /** A fetcher of `view`, which belongs to the volume of that name. */
  constructor(
    port: ArchivePort,
    view: BlockView,
    budget: FetchBudget,
    volume: string,
  ) {
    this.#port = port;
    this.#view = view;
    this.#budget = budget;
    this.#volume = volume;
  }

  /** True when nothing asked for is under way. */
  get idle(): boolean {
    return this.#waiters.size === 0;
  }

  /** Blocks that may be fetched ahead of one reader. */
  get aheadMax(): number {
    return this.#budget.aheadMax;
  }

  /** Asks for a block that is not cached; `flush` sends what was asked. */
  want(block: number, waiter: BlockWaiter): void {
    const waiters = this.#waiters.get(block);
    if (waiters !== undefined) {
      waiters.push(waiter);
      return;
    }
    this.#waiters.set(block, [waiter]);
    this.#queue.push(block);
  }

  /** Asks for a block that may be wanted soon. */
  hint(block: number): void {
    if (this.#waiters.has(block)) return;
    this.#waiters.set(block, []);
    this.#queue.push(block);
  }

  /**
   * Sends everything asked for, as far as there are slots, together with what
   * else is asked for before the caller gives up its turn: frames come in
   * bursts, and a message to the archive costs more than the block in it.
   */
  flush(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(this.#send);
  }

  #sendOrHold(): void {
    this.#isDue = false;
    const isHeld = this.#smallCount >= SMALL_FETCHES_MAX &&
      this.#queue.length < this.#budget.scatteredMax;
    if (isHeld) this.#hold();
    else this.#sendQueue();
  }

  /** Waits for an answer, but not for one that takes long. */
  async #hold(): Promise<void> {
    if (this.#isHolding) return;
    this.#isHolding = true;
    await this.#budget.clock.sleep(FAR_MS);
    this.#isHolding = false;
    this.#sendQueue();
  }

  #sendQueue(): void {
    const blocks: number[] = [];
    const slots: number[] = [];
    const left: number[] = [];
    for (const block of this.#queue) {
      const slot = left.length === 0 ? this.#budget.take() : -1;
      if (slot >= 0) {
        blocks.push(block);
        slots.push(slot);
      } else if (this.#waiters.get(block)?.length === 0) {
        // Only a hint: not worth waiting for a slot.
        this.#waiters.delete(block);
      } else {
        left.push(block);
      }
    }
    this.#queue = left;
    if (left.length > 0) this.#budget.whenFree(this.#send);
    for (let start = 0; start < blocks.length;) {
      const sought = this.#sought.delete(blocks[start]!);
      const end = sought
        ? start + 1
        : fetchEnd(blocks, start, this.#budget.scatteredMax, this.#sought);
      this.#fetch(blocks.slice(start, end), slots.slice(start, end), sought);
      start = end;
    }
  }

  /** Fetches blocks; those that the archive does not know it seeks before they are fetched once more. */
  async #fetch(
    blocks: number[],
    slots: number[],
    sought: boolean,
  ): Promise<void> {
    const view = this.#view;
    const request = {
      view: view.view,
      blocks: Float64Array.from(blocks),
      slots: Uint32Array.from(slots),
      sought,
    };
    const { clock } = this.#budget;
    const isSmall = blocks.length <= FETCH_SCATTERED_MAX;
    let states: Uint8Array | undefined;
    let failure: Error | undefined;
    if (isSmall) this.#smallCount++;
    try {
      for (;;) {
        const startMs = clock.nowMs();
        const result = await this.#port.fetch(request);
        if (isSmall) {
          const { durationMs = clock.nowMs() - startMs } = result;
          this.#budget.answered(durationMs);
        }
        states = result.states;
        if (result.sequence >= view.sequence) break;
        // In the newer state another block may be there, which was never sought.
        request.sought = false;
      }
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    if (isSmall) this.#smallCount--;
    const unknown: number[] = [];
    for (let index = 0; index < blocks.length; index++) {
      const block = blocks[index] as number;
      const state = failure === undefined ? states?.[index] : undefined;
      this.#release(block, slots[index] as number, state);
      if (state === FetchState.Unknown) unknown.push(block);
      else this.#answer(block, failure ?? this.#errorOf(block, state));
    }
    this.#budget.wake();
    if (this.#queue.length > 0) this.flush();
    this.#seek(unknown);
  }

  /** What was only expected to be wanted is not sought. */
  async #seek(unknown: readonly number[]): Promise<void> {
    const wanted: number[] = [];
    for (const block of unknown) {
      if (this.#waiters.get(block)?.length === 0) this.#waiters.delete(block);
      else wanted.push(block);
    }
    if (wanted.length === 0) return;
    try {
      const { view } = this.#view;
      await this.#port.seek({ view, blocks: Float64Array.from(wanted) });
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      for (const block of wanted) this.#answer(block, failure);
      return;
    }
    for (const block of wanted) {
      this.#sought.add(block);
      this.#queue.push(block);
    }
    this.#sendQueue();
  }

  /** Puts what was fetched into the cache, and lets go of a slot that holds nothing. */
  #release(block: number, slot: number, state: number | undefined): void {
    const { cached } = this.#view;
    this.#budget.done();
    if (state === FetchState.Filled) return cached.put(block, slot);
    this.#budget.cache.give(slot);
    if (state === FetchState.Zero) cached.putZero(block);
  }

  #errorOf(block: number, state: number | undefined): Error | undefined {
    return state === FetchState.Filled || state === FetchState.Zero
      ? undefined
      : new DamagedBlockError(this.#volume, block);
  }

  #answer(block: number, error: Error | undefined): void {
    const waiters = this.#waiters.get(block) ?? [];
    this.#waiters.delete(block);
    for (const waiter of waiters) waiter(error);
  }
}

/** Where the fetch that begins at a place of `blocks` ends: before those that stay apart. */
function fetchEnd(
  blocks: readonly number[],
  start: number,
  scatteredMax: number,
  apart: ReadonlySet<number>,
): number {
  const most = Math.min(blocks.length, start + FETCH_BLOCKS_MAX);
  let last = start + 1;
  while (last < most && !apart.has(blocks[last]!)) last++;
  let end = Math.min(last, start + scatteredMax);
  while (end < last && blocks[end] === blocks[end - 1]! + 1) end++;
  return end;
}
