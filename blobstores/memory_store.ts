/**
 * Blobs in memory: for tests, and for a disk that may vanish. Everything is
 * lost with the process, so "durable" here means "until then".
 *
 * @module
 */

import {
  type BlobDescription,
  BlobError,
  type BlobStore,
  type Capabilities,
  type GetOptions,
  type ListOptions,
  type OperationOptions,
  type PutOptions,
  type StoreHold,
} from "./blob_store.ts";
import {
  checkKey,
  checkPrefix,
  closedError,
  compareKeys,
  resolveRange,
  throwIfCancelled,
} from "./operation.ts";

/**
 * What memory stores keep: several stores over one space see the same blobs,
 * as several servers see one folder, and only one of them can hold it.
 */
export class MemorySpace {
  /** Bodies by key. Owned by the stores: never changed in place. */
  readonly blobs: Map<string, Uint8Array<ArrayBuffer>> = new Map();
  /** The hold on this space, if one of its stores has it. */
  hold: StoreHold | null = null;
}

/** How to make a `MemoryStore`. */
export interface MemoryStoreOptions {
  /** The space to use; a new one when absent. */
  readonly space?: MemorySpace;
  /** The URL to show in messages: `memory:` when absent. */
  readonly display?: string;
}

/** A blob store over a `MemorySpace`. */
export class MemoryStore implements BlobStore {
  readonly display: string;
  readonly capabilities: Capabilities = {
    createExclusive: true,
    hold: true,
    concurrencyMax: 1,
  };
  readonly #space: MemorySpace;
  #hold: StoreHold | null = null;
  #closed = false;

  /** Makes a store over the given space, or over a new one. */
  constructor(options: MemoryStoreOptions = {}) {
    this.#space = options.space ?? new MemorySpace();
    this.display = options.display ?? "memory:";
  }

  // deno-lint-ignore require-await -- rejects instead of throwing
  async put(
    key: string,
    body: Uint8Array,
    options: PutOptions = {},
  ): Promise<void> {
    checkKey(key);
    this.#check(`put "${key}"`, options);
    if (options.ifAbsent && this.#space.blobs.has(key)) {
      throw new BlobError(
        `Cannot create "${key}" in ${this.display}: it exists already`,
        { code: "AlreadyExists" },
      );
    }
    this.#space.blobs.set(key, new Uint8Array(body));
  }

  // deno-lint-ignore require-await -- rejects instead of throwing
  async get(
    key: string,
    options: GetOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    checkKey(key);
    this.#check(`get "${key}"`, options);
    const blob = this.#space.blobs.get(key);
    if (blob === undefined) {
      throw new BlobError(
        `Cannot get "${key}" from ${this.display}: there is no such blob`,
        { code: "NotFound" },
      );
    }
    const { offset, length } = resolveRange(options.range, {
      key,
      size: blob.length,
    });
    const { range, allocate } = options;
    if (range === undefined || allocate === undefined) {
      return blob.slice(offset, offset + length);
    }
    const bytes = allocate(length);
    bytes.set(blob.subarray(offset, offset + length));
    return bytes;
  }

  // deno-lint-ignore require-await -- rejects instead of throwing
  async head(
    key: string,
    options: OperationOptions = {},
  ): Promise<BlobDescription | null> {
    checkKey(key);
    this.#check(`head "${key}"`, options);
    const blob = this.#space.blobs.get(key);
    return blob === undefined ? null : { key, size: blob.length };
  }

  /** Lists what is there when the listing begins. */
  async *list(
    prefix: string,
    options: ListOptions = {},
  ): AsyncGenerator<BlobDescription, void, undefined> {
    const startAfter = options.startAfter ?? "";
    const action = `list "${prefix}"`;
    checkPrefix(prefix);
    checkPrefix(startAfter);
    this.#check(action, options);
    const found: BlobDescription[] = [];
    for (const [key, { length: size }] of this.#space.blobs) {
      if (key.startsWith(prefix) && key > startAfter) found.push({ key, size });
    }
    found.sort((left, right) => compareKeys(left.key, right.key));
    for (const description of found) {
      this.#check(action, options);
      yield description;
    }
  }

  // deno-lint-ignore require-await -- rejects instead of throwing
  async hold(options: OperationOptions = {}): Promise<StoreHold | null> {
    this.#check("hold the store", options);
    const space = this.#space;
    if (space.hold !== null) return null;
    const hold: StoreHold = {
      release(): Promise<void> {
        if (space.hold === hold) space.hold = null;
        return Promise.resolve();
      },
    };
    space.hold = hold;
    this.#hold = hold;
    return hold;
  }

  // deno-lint-ignore require-await -- rejects instead of throwing
  async delete(key: string, options: OperationOptions = {}): Promise<void> {
    checkKey(key);
    this.#check(`delete "${key}"`, options);
    this.#space.blobs.delete(key);
  }

  /** Also lets go of the hold; the blobs stay with the space. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#hold?.release();
  }

  #check(action: string, options: OperationOptions): void {
    if (this.#closed) throw closedError(action, this.display);
    throwIfCancelled(options.signal, action);
  }
}
