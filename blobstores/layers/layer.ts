/**
 * What every layer around a store begins with: it passes everything on. A layer
 * overrides what it is about.
 *
 * @module
 */

import type {
  BlobDescription,
  BlobStore,
  Capabilities,
  FoundRanges,
  GetOptions,
  KeyedRange,
  ListOptions,
  OperationOptions,
  PutOptions,
  StoreHold,
} from "../blob_store.ts";

/** Time, as layers need it. A test or a simulation brings its own. */
export interface LayerClock {
  /** Milliseconds from any origin; best never backwards. */
  nowMs(): number;
  /** Waits; resolves early when the signal aborts. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}

/** A store around a store, which closes with this one. */
export class StoreLayer implements BlobStore {
  readonly display: string;
  readonly capabilities: Capabilities;
  readonly hold?: (options?: OperationOptions) => Promise<StoreHold | null>;
  readonly delete?: (key: string, options?: OperationOptions) => Promise<void>;
  readonly getRanges?: (
    ranges: readonly KeyedRange[],
    options?: OperationOptions,
  ) => Promise<FoundRanges>;
  /** The store underneath; owned. */
  protected readonly store: BlobStore;

  /** Takes over `store`; one that is only read shows no `hold` and no `delete`. */
  constructor(store: BlobStore, isReadOnly: boolean = false) {
    this.store = store;
    this.display = store.display;
    this.capabilities = store.capabilities;
    if (store.getRanges !== undefined && this.takeRanges !== undefined) {
      this.getRanges = (ranges, options) => this.takeRanges!(ranges, options);
    }
    if (isReadOnly) return;
    if (store.hold !== undefined) {
      this.hold = (options) => this.takeHold(options);
    }
    if (store.delete !== undefined) {
      this.delete = (key, options) => this.remove(key, options);
    }
  }

  put(key: string, body: Uint8Array, options?: PutOptions): Promise<void> {
    return this.store.put(key, body, options);
  }

  get(key: string, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.store.get(key, options);
  }

  head(
    key: string,
    options?: OperationOptions,
  ): Promise<BlobDescription | null> {
    return this.store.head(key, options);
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<BlobDescription> {
    return this.store.list(prefix, options);
  }

  close(): Promise<void> {
    return this.store.close();
  }

  /**
   * What `getRanges` does where the store has it. A layer that has not this one
   * hides that: it is about what `get` does.
   */
  protected takeRanges?(
    ranges: readonly KeyedRange[],
    options?: OperationOptions,
  ): Promise<FoundRanges>;

  /** What `hold` does where the store has it. */
  protected takeHold(options?: OperationOptions): Promise<StoreHold | null> {
    return this.store.hold!(options);
  }

  /** What `delete` does where the store has it. */
  protected remove(key: string, options?: OperationOptions): Promise<void> {
    return this.store.delete!(key, options);
  }
}

/** The signal of a caller that gave none: it never aborts. */
export function signalOf(options: OperationOptions | undefined): AbortSignal {
  return options?.signal ?? new AbortController().signal;
}
