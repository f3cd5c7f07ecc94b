/**
 * Stands between the server and a store that a plugin opened, and checks what
 * comes back: a plugin may be wrong in any way, and must be named for it.
 *
 * It checks shapes and sizes. What bytes a blob has, the archive checks by
 * hash. How long an operation may take is for the layers around every store;
 * opening and closing, which those do not see, are limited here.
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
} from "../blobstores/blob_store.ts";
import { keyFault } from "../blobstores/operation.ts";
import type { GuardedErrors } from "./guarded_errors.ts";
import { within } from "./within.ts";

/** How long a store may take to close. */
const CLOSE_TIMEOUT_MS = 30_000;

/** Options of a `GuardedStore`. */
export interface GuardedStoreOptions {
  /** Names the plugin in errors. */
  readonly errors: GuardedErrors;
  /** How long `close` may take; 30 seconds when absent. */
  readonly closeTimeoutMs?: number;
}

/** A plugin's store, whose answers are checked. */
export class GuardedStore implements BlobStore {
  readonly display: string;
  readonly capabilities: Capabilities;
  readonly hold?: (options?: OperationOptions) => Promise<StoreHold | null>;
  readonly delete?: (key: string, options?: OperationOptions) => Promise<void>;
  readonly getRanges?: (
    ranges: readonly KeyedRange[],
    options?: OperationOptions,
  ) => Promise<FoundRanges>;
  readonly #store: BlobStore;
  readonly #errors: GuardedErrors;
  readonly #closeTimeoutMs: number;

  /** Guards a store that has all members of one. */
  constructor(store: BlobStore, options: GuardedStoreOptions) {
    const { errors, closeTimeoutMs = CLOSE_TIMEOUT_MS } = options;
    const { createExclusive, hold, concurrencyMax } = store.capabilities;
    this.#store = store;
    this.#errors = errors;
    this.#closeTimeoutMs = closeTimeoutMs;
    this.display = errors.redact(store.display);
    const fault = store.capabilities.createExclusiveFault;
    this.capabilities = {
      createExclusive,
      hold,
      concurrencyMax,
      ...(typeof fault === "string"
        ? { createExclusiveFault: errors.redact(fault) }
        : {}),
    };
    if (hold) this.hold = (options) => this.#hold(options);
    if (typeof store.delete === "function") {
      this.delete = (key, options) => this.#delete(key, options);
    }
    if (typeof store.getRanges === "function") {
      this.getRanges = (ranges, options) => this.#getRanges(ranges, options);
    }
  }

  async put(
    key: string,
    body: Uint8Array,
    options: PutOptions = {},
  ): Promise<void> {
    const action = this.#action("put", key);
    await this.#call(
      action,
      options,
      () => this.#store.put(key, body, options),
    );
  }

  async get(
    key: string,
    options: GetOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const action = this.#action("get", key);
    const { range } = options;
    const found: unknown = await this.#call(
      action,
      options,
      () => this.#store.get(key, options),
    );
    if (!isBytes(found)) {
      throw this.#errors.violation(action, `returned no Uint8Array of its own`);
    }
    if (range !== undefined && found.length !== range.length) {
      throw this.#errors.violation(
        action,
        `returned ${found.length} bytes where ${range.length} were asked`,
      );
    }
    // A view of a larger buffer is somebody else's too.
    return found.length === found.buffer.byteLength ? found : found.slice();
  }

  async head(
    key: string,
    options: OperationOptions = {},
  ): Promise<BlobDescription | null> {
    const action = this.#action("describe", key);
    const found: unknown = await this.#call(
      action,
      options,
      () => this.#store.head(key, options),
    );
    if (found === null) return null;
    const blob = this.#description(action, found);
    if (blob.key === key) return blob;
    throw this.#errors.violation(action, `described another blob`);
  }

  async *list(
    prefix: string,
    options: ListOptions = {},
  ): AsyncGenerator<BlobDescription, void, undefined> {
    const action = `list ${JSON.stringify(prefix)} in ${this.display}`;
    const blobs = await this.#iterate(action, prefix, options);
    let last = options.startAfter ?? "";
    let ended = false;
    try {
      for (;;) {
        const turn: unknown = await this.#call(
          action,
          options,
          () => blobs.next(),
        ).catch((error) => {
          ended = true;
          throw error;
        });
        if ((turn as IteratorResult<unknown>)?.done === true) {
          ended = true;
          return;
        }
        const found = (turn as IteratorResult<unknown> | undefined)?.value;
        const blob = this.#description(action, found);
        const fault = listingFault(blob.key, { prefix, last });
        if (fault !== null) throw this.#errors.violation(action, fault);
        last = blob.key;
        yield blob;
      }
    } finally {
      if (!ended) await blobs.return?.();
    }
  }

  async close(): Promise<void> {
    const action = `close ${this.display}`;
    await within(
      this.#closeTimeoutMs,
      this.#call(action, {}, () => this.#store.close()),
      () =>
        this.#errors.violation(
          action,
          `has not closed it after ${this.#closeTimeoutMs / 1000} s`,
          "Timeout",
        ),
    );
  }

  async #hold(options: OperationOptions = {}): Promise<StoreHold | null> {
    const action = `hold ${this.display}`;
    const found = await this.#call<StoreHold | null | undefined>(
      action,
      options,
      async () => await this.#store.hold?.(options),
    );
    if (found === null) return null;
    if (typeof found?.release !== "function") {
      throw this.#errors.violation(action, `returned no hold`);
    }
    return {
      release: () =>
        this.#call(`let go of ${this.display}`, {}, () => found.release()),
    };
  }

  async #getRanges(
    ranges: readonly KeyedRange[],
    options: OperationOptions = {},
  ): Promise<FoundRanges> {
    const action = `get ${ranges.length} ranges from ${this.display}`;
    const found: unknown = await this.#call(
      action,
      options,
      async () => await this.#store.getRanges?.(ranges, options),
    );
    if (!Array.isArray(found) || found.length !== ranges.length) {
      throw this.#errors.violation(action, `returned no array of as many`);
    }
    return found.map((bytes: unknown, place) => {
      if (bytes === undefined) return undefined;
      if (isBytes(bytes) && bytes.length === ranges[place]!.length) {
        return bytes;
      }
      throw this.#errors.violation(
        action,
        `returned something else than ${
          ranges[place]!.length
        } bytes or undefined`,
      );
    });
  }

  async #delete(key: string, options: OperationOptions = {}): Promise<void> {
    await this.#call(
      this.#action("delete", key),
      options,
      async () => await this.#store.delete?.(key, options),
    );
  }

  // deno-lint-ignore require-await -- rejects instead of throwing
  async #iterate(
    action: string,
    prefix: string,
    options: ListOptions,
  ): Promise<AsyncIterator<BlobDescription>> {
    return this.#call(action, options, () => {
      const blobs = this.#store.list(prefix, options);
      const iterate = blobs?.[Symbol.asyncIterator];
      if (typeof iterate !== "function") {
        throw new TypeError("its list is no AsyncIterable");
      }
      return Promise.resolve(iterate.call(blobs));
    });
  }

  #description(action: string, found: unknown): BlobDescription {
    const { key, size } = (found ?? {}) as Record<string, unknown>;
    if (
      typeof key === "string" && keyFault(key) === null &&
      Number.isSafeInteger(size) && (size as number) >= 0
    ) return { key, size: size as number };
    throw this.#errors.violation(
      action,
      `described a blob without a key or a size`,
    );
  }

  /** Calls the plugin, which may also throw at once or return no promise. */
  async #call<Result>(
    action: string,
    { signal }: OperationOptions,
    call: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return await call();
    } catch (error) {
      throw this.#errors.thrown(action, error, signal);
    }
  }

  #action(verb: string, key: string): string {
    return `${verb} ${JSON.stringify(key)} in ${this.display}`;
  }
}

/** Bytes that are the caller's alone; a plugin's own class of bytes is as good. */
function isBytes(value: unknown): value is Uint8Array<ArrayBuffer> {
  return value instanceof Uint8Array && value.buffer instanceof ArrayBuffer;
}

function listingFault(
  key: string,
  { prefix, last }: { readonly prefix: string; readonly last: string },
): string | null {
  const shown = JSON.stringify(key);
  if (!key.startsWith(prefix)) return `listed ${shown}`;
  return key > last
    ? null
    : `listed ${shown} behind ${JSON.stringify(last)}: keys ascend`;
}
