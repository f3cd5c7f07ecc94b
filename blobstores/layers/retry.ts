/**
 * Repeats what fails for a moment, and makes outcomes certain.
 *
 * For stores that are used without an archive around them, such as the members
 * of a mirror, and for single commands: it gives up after some attempts. An
 * archive needs no retry layer: it repeats itself, for ever, because it alone
 * knows what was acknowledged (cas/engine/retry.ts), by the same rules
 * (backoff.ts). Two of them around one store would multiply their attempts.
 *
 * @module
 */

import {
  type BlobDescription,
  blobErrorCode,
  type BlobStore,
  type FoundRanges,
  type GetOptions,
  type KeyedRange,
  type ListOptions,
  type OperationOptions,
  type PutOptions,
  type StoreHold,
} from "../blob_store.ts";
import { cancelled } from "../operation.ts";
import { backoffMs, isAnswer, isTemporary } from "./backoff.ts";
import { type LayerClock, signalOf, StoreLayer } from "./layer.ts";

const ATTEMPTS_MAX = 5;

/** A failure after which there is another attempt. */
export interface StoreRetry {
  /** What failed: `put "packs/00/…" in s3://shelf`. */
  readonly action: string;
  /** Why; shows no secret. */
  readonly error: unknown;
  /** So many attempts have failed, from 1. */
  readonly attempts: number;
  /** How long the next one waits. */
  readonly delayMs: number;
}

/** Options of a `RetryingStore`. */
export interface RetryLayerOptions {
  /** Attempts of one operation; 5 when absent. */
  readonly attemptsMax?: number;
  /** Waits. */
  readonly clock: LayerClock;
  /** Numbers from 0 up to 1. */
  readonly random: () => number;
  /** Told of every failure that is not the last. */
  readonly onRetry?: (retry: StoreRetry) => void;
}

/** A store whose passing failures are not seen. */
export class RetryingStore extends StoreLayer {
  readonly #options: RetryLayerOptions;

  /** Takes over `store`. */
  constructor(store: BlobStore, options: RetryLayerOptions) {
    super(store);
    this.#options = options;
  }

  /**
   * With `ifAbsent`, an attempt whose outcome is unknown may have stored the
   * blob. So where a later one finds the key taken, the blob is read: if it is
   * this very body, the put has succeeded. Whoever must tell two creators apart
   * puts something of his own into the body, as claims do.
   */
  override async put(
    key: string,
    body: Uint8Array,
    options: PutOptions = {},
  ): Promise<void> {
    const action = this.#action("put", key);
    let isUncertain = false;
    try {
      await this.#run(action, options, async () => {
        try {
          await super.put(key, body, options);
        } catch (error) {
          isUncertain ||= !isAnswer(error);
          throw error;
        }
      });
    } catch (error) {
      const isTaken = blobErrorCode(error) === "AlreadyExists";
      if (!isTaken || !isUncertain) throw error;
      if (!await this.#holds(key, body, options)) throw error;
    }
  }

  override get(
    key: string,
    options: GetOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.#run(
      this.#action("get", key),
      options,
      () => super.get(key, options),
    );
  }

  /** Who asks for what did not come has all attempts. */
  protected override takeRanges(
    ranges: readonly KeyedRange[],
    options?: OperationOptions,
  ): Promise<FoundRanges> {
    return this.store.getRanges!(ranges, options);
  }

  override head(
    key: string,
    options: OperationOptions = {},
  ): Promise<BlobDescription | null> {
    return this.#run(
      this.#action("look for", key),
      options,
      () => super.head(key, options),
    );
  }

  /** Goes on behind the last key after a failure; each step has all attempts. */
  override async *list(
    prefix: string,
    options: ListOptions = {},
  ): AsyncGenerator<BlobDescription, void, undefined> {
    const action = this.#action("list", prefix);
    let blobs = super.list(prefix, options)[Symbol.asyncIterator]();
    let last: string | undefined;
    try {
      for (;;) {
        const step = await this.#run(action, options, async () => {
          try {
            return await blobs.next();
          } catch (error) {
            const startAfter = last ?? options.startAfter;
            const rest = startAfter === undefined ? {} : { startAfter };
            blobs = super.list(prefix, { ...options, ...rest })
              [Symbol.asyncIterator]();
            throw error;
          }
        });
        if (step.done === true) return;
        last = step.value.key;
        yield step.value;
      }
    } finally {
      await blobs.return?.();
    }
  }

  protected override takeHold(
    options: OperationOptions = {},
  ): Promise<StoreHold | null> {
    return this.#run(
      `hold ${this.display}`,
      options,
      () => super.takeHold(options),
    );
  }

  protected override remove(
    key: string,
    options: OperationOptions = {},
  ): Promise<void> {
    return this.#run(
      this.#action("delete", key),
      options,
      () => super.remove(key, options),
    );
  }

  async #run<Result>(
    action: string,
    options: OperationOptions,
    operation: () => Promise<Result>,
  ): Promise<Result> {
    const { attemptsMax = ATTEMPTS_MAX, clock, random, onRetry } =
      this.#options;
    const signal = signalOf(options);
    for (let attempts = 1;; attempts++) {
      try {
        return await operation();
      } catch (error) {
        const isLast = attempts >= attemptsMax || isAnswer(error) ||
          !isTemporary(error);
        if (isLast) throw error;
        const delayMs = backoffMs(attempts - 1, error, random);
        onRetry?.({ action, error, attempts, delayMs });
        await clock.sleep(delayMs, signal);
        if (signal.aborted) throw cancelled(action, signal.reason);
      }
    }
  }

  async #holds(
    key: string,
    body: Uint8Array,
    { signal }: PutOptions,
  ): Promise<boolean> {
    const options = signal === undefined ? {} : { signal };
    const found = await this.get(key, options);
    return found.length === body.length &&
      found.every((byte, index) => byte === body[index]);
  }

  #action(verb: string, key: string): string {
    return `${verb} ${JSON.stringify(key)} in ${this.display}`;
  }
}
