/**
 * Ends operations that make no progress: a connection that a router forgot, a
 * plugin that waits for ever. Without it one such operation would keep an
 * archive waiting for good.
 *
 * A store does not tell how far it is, so an operation is given a fixed time and,
 * for each byte that it moves, as much as a very slow line takes.
 *
 * @module
 */

import {
  type BlobDescription,
  BlobError,
  type BlobStore,
  type FoundRanges,
  type GetOptions,
  type KeyedRange,
  type ListOptions,
  type OperationOptions,
  type PutOptions,
  type StoreHold,
} from "../blob_store.ts";
import { cancelled, throwIfCancelled } from "../operation.ts";
import { type LayerClock, signalOf, StoreLayer } from "./layer.ts";

/** Longer than the built-in stores wait for a silent connection (60 s). */
const TIMEOUT_MS = 120_000;
/** How long a store may take to end what its caller gave up. */
const ABORT_GRACE_MS = 5000;
const SLOWEST_BYTES_PER_MS = 16;
/** Room for a blob whose size is not known: more than a pack. */
const BLOB_BYTES = 32 * 2 ** 20;
/** Why a timer ends early; without one each operation would pay for an error with its stack. */
const DONE = "done";

/** Options of a `WatchedStore`. */
export interface WatchdogOptions {
  /** Time of an operation beside that for its bytes; 120 s when absent. */
  readonly timeoutMs?: number;
  /**
   * The store is sure to end what is given up, as those that come with the server
   * are: bodies need no copy. False when absent.
   */
  readonly endsWhenAborted?: boolean;
  /** Waits. */
  readonly clock: LayerClock;
}

/** A store whose operations end: if not otherwise, with `Timeout`. */
export class WatchedStore extends StoreLayer {
  readonly #clock: LayerClock;
  readonly #timeoutMs: number;
  readonly #endsWhenAborted: boolean;

  /** Takes over `store`. */
  constructor(store: BlobStore, options: WatchdogOptions) {
    super(store);
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.#endsWhenAborted = options.endsWhenAborted ?? false;
  }

  override put(
    key: string,
    body: Uint8Array,
    options: PutOptions = {},
  ): Promise<void> {
    // A store that does not listen to the abort would go on reading the body
    // when it is its owner's again.
    const own = this.#endsWhenAborted ? body : new Uint8Array(body);
    return this.#watch(
      `put ${JSON.stringify(key)} in ${this.display}`,
      { signal: signalOf(options), byteCount: own.length },
      (signal) => super.put(key, own, { ...options, signal }),
    );
  }

  override get(
    key: string,
    options: GetOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const byteCount = options.range?.length ?? BLOB_BYTES;
    return this.#watch(
      `get ${JSON.stringify(key)} from ${this.display}`,
      { signal: signalOf(options), byteCount },
      (signal) => super.get(key, { ...options, signal }),
    );
  }

  protected override takeRanges(
    ranges: readonly KeyedRange[],
    options: OperationOptions = {},
  ): Promise<FoundRanges> {
    const byteCount = ranges.reduce((sum, { length }) => sum + length, 0);
    return this.#watch(
      `get ${ranges.length} ranges from ${this.display}`,
      { signal: signalOf(options), byteCount },
      (signal) => this.store.getRanges!(ranges, { ...options, signal }),
    );
  }

  override head(
    key: string,
    options: OperationOptions = {},
  ): Promise<BlobDescription | null> {
    return this.#watch(
      `look for ${JSON.stringify(key)} in ${this.display}`,
      { signal: signalOf(options) },
      (signal) => super.head(key, { ...options, signal }),
    );
  }

  /** Each step of a listing has its time; what the caller does between has none. */
  override async *list(
    prefix: string,
    options: ListOptions = {},
  ): AsyncGenerator<BlobDescription, void, undefined> {
    const action = `list ${JSON.stringify(prefix)} in ${this.display}`;
    const caller = signalOf(options);
    const late = new AbortController();
    const signal = AbortSignal.any([caller, late.signal]);
    const blobs = super.list(prefix, { ...options, signal })
      [Symbol.asyncIterator]();
    let isOver = false;
    try {
      for (;;) {
        const step = await this.#watch(
          action,
          { signal: caller, late },
          () => blobs.next(),
        );
        if (step.done === true) {
          isOver = true;
          return;
        }
        yield step.value;
      }
    } finally {
      // One that hangs would hang here, too.
      if (!isOver && !late.signal.aborted) await blobs.return?.();
    }
  }

  protected override takeHold(
    options: OperationOptions = {},
  ): Promise<StoreHold | null> {
    return this.#watch(
      `hold ${this.display}`,
      { signal: signalOf(options) },
      async (signal) => {
        const hold = await super.takeHold({ ...options, signal });
        // Nobody waits for it any more, and nobody would let it go.
        if (signal.aborted) await hold?.release();
        throwIfCancelled(signal, `hold ${this.display}`);
        return hold;
      },
    );
  }

  protected override remove(
    key: string,
    options: OperationOptions = {},
  ): Promise<void> {
    return this.#watch(
      `delete ${JSON.stringify(key)} in ${this.display}`,
      { signal: signalOf(options) },
      (signal) => super.remove(key, { ...options, signal }),
    );
  }

  async #watch<Result>(
    action: string,
    { signal, byteCount = 0, late = new AbortController() }: WatchOptions,
    operation: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    throwIfCancelled(signal, action);
    const limitMs = this.#timeoutMs + byteCount / SLOWEST_BYTES_PER_MS;
    const done = new AbortController();
    const running = operation(AbortSignal.any([signal, late.signal])).catch(
      (error): never => {
        // What the store says to our abort is no word of its own.
        const isOurs = late.signal.aborted && !signal.aborted;
        throw isOurs ? timeoutOf(action, limitMs) : error;
      },
    );
    const end = this.#end(limitMs, { signal, late, done: done.signal });
    const timer = end.then(async (): Promise<Result> => {
      if (this.#endsWhenAborted || done.signal.aborted) return await running;
      throw signal.aborted
        ? cancelled(action, signal.reason)
        : timeoutOf(action, limitMs);
    });
    timer.catch(() => {});
    running.catch(() => {});
    try {
      return await Promise.race([running, timer]);
    } finally {
      done.abort(DONE);
    }
  }

  /** Resolves when an operation is not waited for any longer, or is done. */
  async #end(
    limitMs: number,
    { signal, late, done }: EndOptions,
  ): Promise<void> {
    await this.#clock.sleep(limitMs, AbortSignal.any([done, signal]));
    if (done.aborted) return;
    if (!signal.aborted) return late.abort();
    // A store that listens ends it itself.
    await this.#clock.sleep(ABORT_GRACE_MS, done);
  }
}

function timeoutOf(action: string, limitMs: number): BlobError {
  return new BlobError(
    `Cannot ${action}: no end of it after ${limitMs / 1000} s, given up`,
    { code: "Timeout", retryable: true },
  );
}

interface EndOptions {
  readonly signal: AbortSignal;
  readonly late: AbortController;
  readonly done: AbortSignal;
}

interface WatchOptions {
  readonly signal: AbortSignal;
  readonly byteCount?: number;
  readonly late?: AbortController;
}
