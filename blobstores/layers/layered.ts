/**
 * The layers around a store, in their order. From the store outwards:
 *
 * 1. watchdog: an operation without an end is given up, with `Timeout`;
 * 2. metrics: what the store itself is asked and how it answers, so that waiting
 *    for a turn does not count, and a repeat counts again;
 * 3. limits: operations at once, bytes a second, for all above together;
 * 4. retry: some attempts; not below an archive, which repeats for ever itself;
 * 5. prefix, 6. read-only: what the user of the store sees.
 *
 * A mirror or a pack cache is a store made of such stores: give each member its
 * own `layered(member, …)`, with `retry` for the members of a mirror, and put
 * the mirror or the cache on top. What then goes to an archive has no retry.
 *
 * @module
 */

import type {
  BlobStore,
  FoundRanges,
  KeyedRange,
  OperationOptions,
} from "../blob_store.ts";
import { type LayerClock, StoreLayer } from "./layer.ts";
import { LimitedStore, type StoreLimits } from "./limits.ts";
import { MeteredStore, type StoreMetrics } from "./metrics.ts";
import { PrefixedStore } from "./prefix.ts";
import { ReadOnlyStore } from "./read_only.ts";
import { RetryingStore, type RetryLayerOptions } from "./retry.ts";
import { type WatchdogOptions, WatchedStore } from "./watchdog.ts";

/** Which layers, and how. A layer whose option is absent is left out. */
export interface LayeredOptions {
  /** Gives up what has no end. */
  readonly watchdog?: Omit<WatchdogOptions, "clock">;
  /** Keeps within limits; `{}` for the store's own number of operations at once. */
  readonly limits?: StoreLimits;
  /** Repeats what may pass. */
  readonly retry?: Omit<RetryLayerOptions, "clock" | "random">;
  /** A part of the store: ends with "/". */
  readonly prefix?: string;
  /** Refuses puts. */
  readonly readOnly?: boolean;
  /** Time. */
  readonly clock: LayerClock;
  /** Numbers from 0 up to 1, for the delays of `retry`. */
  readonly random: () => number;
}

/** A store with its layers. */
export interface LayeredStore extends BlobStore {
  /** What the store underneath was asked until now. */
  readonly metrics: StoreMetrics;
}

/** Puts layers around a store, which closes with the outermost. */
export function layered(
  store: BlobStore,
  options: LayeredOptions,
): LayeredStore {
  const { watchdog, limits, retry, prefix, readOnly, clock, random } = options;
  let outer = store;
  if (watchdog !== undefined) {
    outer = new WatchedStore(outer, { ...watchdog, clock });
  }
  const metered = new MeteredStore(outer, clock);
  outer = metered;
  if (limits !== undefined) outer = new LimitedStore(outer, limits, clock);
  if (retry !== undefined) {
    outer = new RetryingStore(outer, { ...retry, clock, random });
  }
  if (prefix !== undefined) outer = new PrefixedStore(outer, prefix);
  if (readOnly === true) outer = new ReadOnlyStore(outer);
  return new Layers(outer, metered);
}

class Layers extends StoreLayer implements LayeredStore {
  readonly #metered: MeteredStore;

  constructor(outer: BlobStore, metered: MeteredStore) {
    super(outer);
    this.#metered = metered;
  }

  get metrics(): StoreMetrics {
    return this.#metered.metrics;
  }

  protected override takeRanges(
    ranges: readonly KeyedRange[],
    options?: OperationOptions,
  ): Promise<FoundRanges> {
    return this.store.getRanges!(ranges, options);
  }
}
