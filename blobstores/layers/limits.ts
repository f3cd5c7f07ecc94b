/**
 * Keeps a store within what its operator allows: operations at once, bytes up
 * and bytes down a second.
 *
 * @module
 */

import type {
  BlobDescription,
  BlobStore,
  FoundRanges,
  GetOptions,
  KeyedRange,
  ListOptions,
  OperationOptions,
  PutOptions,
} from "../blob_store.ts";
import { cancelled } from "../operation.ts";
import { type LayerClock, signalOf, StoreLayer } from "./layer.ts";
import { Limiter } from "./limiter.ts";
import { TokenBucket } from "./token_bucket.ts";

/** The limits. */
export interface StoreLimits {
  /** Operations at once; the store's own `concurrencyMax` when absent or more. */
  readonly concurrency?: number;
  /** Bytes put in a second; no limit when absent. */
  readonly uploadBytesPerSecond?: number;
  /** Bytes got in a second; no limit when absent. */
  readonly downloadBytesPerSecond?: number;
}

/** A store within limits. Its `concurrencyMax` tells of them. */
export class LimitedStore extends StoreLayer {
  override readonly capabilities: BlobStore["capabilities"];
  readonly #limiter: Limiter;
  readonly #up: TokenBucket | undefined;
  readonly #down: TokenBucket | undefined;

  /** Takes over `store`. */
  constructor(store: BlobStore, limits: StoreLimits, clock: LayerClock) {
    super(store);
    const { concurrencyMax } = store.capabilities;
    const { concurrency = concurrencyMax } = limits;
    const count = Math.max(1, Math.min(concurrency, concurrencyMax));
    this.capabilities = { ...store.capabilities, concurrencyMax: count };
    this.#limiter = new Limiter(count);
    const { uploadBytesPerSecond, downloadBytesPerSecond } = limits;
    this.#up = bucketOf(uploadBytesPerSecond, clock);
    this.#down = bucketOf(downloadBytesPerSecond, clock);
  }

  override put(
    key: string,
    body: Uint8Array,
    options?: PutOptions,
  ): Promise<void> {
    return this.#run(`put ${JSON.stringify(key)}`, options, async (signal) => {
      await this.#up?.take(body.length, signal);
      await super.put(key, body, options);
    });
  }

  override get(
    key: string,
    options?: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.#run(`get ${JSON.stringify(key)}`, options, async (signal) => {
      const length = options?.range?.length ?? 0;
      await this.#down?.take(length, signal);
      const bytes = await super.get(key, options);
      // What a whole blob takes is known afterwards.
      this.#down?.spend(bytes.length - length);
      return bytes;
    });
  }

  /** All of them take one turn. */
  protected override takeRanges(
    ranges: readonly KeyedRange[],
    options?: OperationOptions,
  ): Promise<FoundRanges> {
    const action = `get ${ranges.length} ranges`;
    return this.#run(action, options, async (signal) => {
      const byteCount = ranges.reduce((sum, { length }) => sum + length, 0);
      await this.#down?.take(byteCount, signal);
      let found: FoundRanges = [];
      try {
        return found = await this.store.getRanges!(ranges, options);
      } finally {
        // What did not come is asked for with `get`, and counts there.
        const missed = ranges.reduce(
          (sum, { length }, place) =>
            sum + (found[place] === undefined ? length : 0),
          0,
        );
        this.#down?.spend(-missed);
      }
    });
  }

  override head(
    key: string,
    options?: OperationOptions,
  ): Promise<BlobDescription | null> {
    return this.#run(
      `look for ${JSON.stringify(key)}`,
      options,
      () => super.head(key, options),
    );
  }

  /**
   * Each step takes its turn: a listing that is open while its blobs are read
   * must not keep the only turn from the reads.
   */
  override async *list(
    prefix: string,
    options?: ListOptions,
  ): AsyncGenerator<BlobDescription, void, undefined> {
    const action = `list ${JSON.stringify(prefix)}`;
    const blobs = super.list(prefix, options)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const step = await this.#run(action, options, () => blobs.next());
        if (step.done === true) return;
        yield step.value;
      }
    } finally {
      await blobs.return?.();
    }
  }

  protected override remove(
    key: string,
    options?: OperationOptions,
  ): Promise<void> {
    return this.#run(
      `delete ${JSON.stringify(key)}`,
      options,
      () => super.remove(key, options),
    );
  }

  async #run<Result>(
    action: string,
    options: OperationOptions | undefined,
    operation: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const signal = signalOf(options);
    let isRunning = false;
    try {
      return await this.#limiter.run(() => {
        isRunning = true;
        return operation(signal);
      }, signal);
    } catch (error) {
      if (isRunning) throw error;
      throw cancelled(`${action} in ${this.display}`, error);
    }
  }
}

function bucketOf(
  bytesPerSecond: number | undefined,
  clock: LayerClock,
): TokenBucket | undefined {
  return bytesPerSecond === undefined
    ? undefined
    : new TokenBucket(bytesPerSecond, clock);
}
