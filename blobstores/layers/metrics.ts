/**
 * Counts what a store is asked, and how it answers.
 *
 * @module
 */

import {
  type BlobDescription,
  type BlobErrorCode,
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
import { type LayerClock, StoreLayer } from "./layer.ts";

/** What a store can be asked. */
export const STORE_OPERATIONS = [
  "put",
  "get",
  "head",
  "list",
  "hold",
  "delete",
] as const;

/** The name of an operation. */
export type StoreOperationName = typeof STORE_OPERATIONS[number];

/** Upper bounds of the histogram in milliseconds; the last count is of what took longer. */
export const LATENCY_BOUNDS_MS: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1000, 2000, 5000, 10_000, 30_000, 60_000],
];

/** One operation. Plain JSON. */
export interface OperationMetrics {
  /** How often it was done, well or badly. A listing counts as one. */
  readonly count: number;
  /** How many are under way. */
  readonly active: number;
  /** Bytes of bodies, of those that went well. */
  readonly bytes: number;
  /** Failures by code, `NotFound` and `AlreadyExists` among them. */
  readonly errors: Readonly<Partial<Record<BlobErrorCode, number>>>;
  /** Milliseconds that all took together. */
  readonly totalMs: number;
  /** The longest. */
  readonly maxMs: number;
  /** How many took up to each of `LATENCY_BOUNDS_MS`, and how many longer. */
  readonly latencies: readonly number[];
}

/** All operations of a store that were done, by name. Plain JSON. */
export type StoreMetrics = Readonly<
  Partial<Record<StoreOperationName, OperationMetrics>>
>;

/** What a store with a `metrics` member has counted; nothing where it has none. */
export function metricsOf(store: BlobStore): StoreMetrics {
  return (store as { readonly metrics?: StoreMetrics }).metrics ?? {};
}

/** A store that counts. */
export class MeteredStore extends StoreLayer {
  readonly #clock: LayerClock;
  readonly #counters = new Map<StoreOperationName, Counter>();

  /** Takes over `store`. */
  constructor(store: BlobStore, clock: LayerClock) {
    super(store);
    this.#clock = clock;
  }

  /** What was counted until now. */
  get metrics(): StoreMetrics {
    return Object.fromEntries(
      STORE_OPERATIONS.flatMap((name) => {
        const counter = this.#counters.get(name);
        return counter === undefined ? [] : [[name, counter.result]];
      }),
    );
  }

  override put(
    key: string,
    body: Uint8Array,
    options?: PutOptions,
  ): Promise<void> {
    return this.#count(
      "put",
      () => super.put(key, body, options),
      () => body.length,
    );
  }

  override get(
    key: string,
    options?: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.#count(
      "get",
      () => super.get(key, options),
      (bytes) => bytes.length,
    );
  }

  /**
   * Those that came count as a get each; the others are asked for once more. A
   * failure of all of them is that of one.
   */
  protected override async takeRanges(
    ranges: readonly KeyedRange[],
    options?: OperationOptions,
  ): Promise<FoundRanges> {
    const counter = this.#counter("get");
    const startMs = this.#clock.nowMs();
    let count = 0;
    let bytes = 0;
    let error: BlobErrorCode | undefined;
    counter.begin();
    try {
      const found = await this.store.getRanges!(ranges, options);
      for (const range of found) {
        if (range === undefined) continue;
        count++;
        bytes += range.length;
      }
      return found;
    } catch (cause) {
      count = 1;
      error = blobErrorCode(cause);
      throw cause;
    } finally {
      const durationMs = this.#clock.nowMs() - startMs;
      counter.end({ durationMs, bytes, count, error });
    }
  }

  override head(
    key: string,
    options?: OperationOptions,
  ): Promise<BlobDescription | null> {
    return this.#count("head", () => super.head(key, options));
  }

  /** Its time is that of its steps, without what the caller does between them. */
  override async *list(
    prefix: string,
    options?: ListOptions,
  ): AsyncGenerator<BlobDescription, void, undefined> {
    const counter = this.#counter("list");
    const blobs = super.list(prefix, options)[Symbol.asyncIterator]();
    let durationMs = 0;
    let error: BlobErrorCode | undefined;
    counter.begin();
    try {
      for (;;) {
        const startMs = this.#clock.nowMs();
        const step = await blobs.next().catch((cause) => {
          error = blobErrorCode(cause);
          throw cause;
        }).finally(() => durationMs += this.#clock.nowMs() - startMs);
        if (step.done === true) return;
        yield step.value;
      }
    } finally {
      counter.end({ durationMs, error });
      if (error === undefined) await blobs.return?.();
    }
  }

  protected override takeHold(
    options?: OperationOptions,
  ): Promise<StoreHold | null> {
    return this.#count("hold", () => super.takeHold(options));
  }

  protected override remove(
    key: string,
    options?: OperationOptions,
  ): Promise<void> {
    return this.#count("delete", () => super.remove(key, options));
  }

  async #count<Result>(
    name: StoreOperationName,
    operation: () => Promise<Result>,
    bytesOf: (result: Result) => number = () => 0,
  ): Promise<Result> {
    const counter = this.#counter(name);
    const startMs = this.#clock.nowMs();
    counter.begin();
    try {
      const result = await operation();
      const durationMs = this.#clock.nowMs() - startMs;
      counter.end({ durationMs, bytes: bytesOf(result) });
      return result;
    } catch (cause) {
      const durationMs = this.#clock.nowMs() - startMs;
      counter.end({ durationMs, error: blobErrorCode(cause) });
      throw cause;
    }
  }

  #counter(name: StoreOperationName): Counter {
    const counter = this.#counters.get(name) ?? new Counter();
    this.#counters.set(name, counter);
    return counter;
  }
}

interface Outcome {
  /** Of each. */
  readonly durationMs: number;
  /** How many were done at once; 1 when absent. */
  readonly count?: number;
  readonly bytes?: number;
  readonly error?: BlobErrorCode | undefined;
}

class Counter {
  #count = 0;
  #active = 0;
  #bytes = 0;
  #totalMs = 0;
  #maxMs = 0;
  readonly #errors: Partial<Record<BlobErrorCode, number>> = {};
  readonly #latencies = LATENCY_BOUNDS_MS.map(() => 0).concat(0);

  begin(): void {
    this.#active++;
  }

  end({ durationMs, bytes = 0, count = 1, error }: Outcome): void {
    this.#active--;
    if (count === 0) return;
    this.#count += count;
    this.#bytes += bytes;
    this.#totalMs += durationMs * count;
    this.#maxMs = Math.max(this.#maxMs, durationMs);
    const bucket = LATENCY_BOUNDS_MS.findIndex((bound) => durationMs <= bound);
    const at = bucket < 0 ? LATENCY_BOUNDS_MS.length : bucket;
    this.#latencies[at] = this.#latencies[at]! + count;
    if (error !== undefined) {
      this.#errors[error] = (this.#errors[error] ?? 0) + 1;
    }
  }

  get result(): OperationMetrics {
    return {
      count: this.#count,
      active: this.#active,
      bytes: this.#bytes,
      errors: { ...this.#errors },
      totalMs: Math.round(this.#totalMs),
      maxMs: Math.round(this.#maxMs),
      latencies: [...this.#latencies],
    };
  }
}
