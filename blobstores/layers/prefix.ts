/**
 * A store in a part of a store: all keys below a prefix.
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
} from "../blob_store.ts";
import { checkKey, checkPrefix, KEY_LENGTH_MAX } from "../operation.ts";
import { StoreLayer } from "./layer.ts";

/**
 * The blobs of a store whose keys begin with a prefix, by the rest of their
 * keys. Keys are shorter by the prefix; a hold is of the whole store.
 */
export class PrefixedStore extends StoreLayer {
  override readonly display: string;
  readonly #prefix: string;

  /** Takes over `store`. Throws `InvalidKey` unless `prefix` is a key and "/". */
  constructor(store: BlobStore, prefix: string) {
    super(store);
    checkKey(prefix.endsWith("/") ? prefix.slice(0, -1) : "");
    this.#prefix = prefix;
    this.display = `${store.display} below ${prefix}`;
  }

  // deno-lint-ignore require-await -- rejects instead of throwing
  override async put(
    key: string,
    body: Uint8Array,
    options?: PutOptions,
  ): Promise<void> {
    return super.put(this.#inner(key), body, options);
  }

  // deno-lint-ignore require-await -- rejects instead of throwing
  override async get(
    key: string,
    options?: GetOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return super.get(this.#inner(key), options);
  }

  // deno-lint-ignore require-await -- rejects instead of throwing
  protected override async takeRanges(
    ranges: readonly KeyedRange[],
    options?: OperationOptions,
  ): Promise<FoundRanges> {
    const inner = ranges.map((range) => ({
      ...range,
      key: this.#inner(range.key),
    }));
    return this.store.getRanges!(inner, options);
  }

  override async head(
    key: string,
    options?: OperationOptions,
  ): Promise<BlobDescription | null> {
    const found = await super.head(this.#inner(key), options);
    return found === null ? null : { ...found, key };
  }

  override async *list(
    prefix: string,
    options: ListOptions = {},
  ): AsyncGenerator<BlobDescription, void, undefined> {
    const { startAfter = "", ...rest } = options;
    checkPrefix(prefix);
    checkPrefix(startAfter);
    const inner = this.#prefix + prefix;
    // Longer than every key.
    if (inner.length > KEY_LENGTH_MAX) return;
    const start = (this.#prefix + startAfter).slice(0, KEY_LENGTH_MAX);
    const from = startAfter === "" ? {} : { startAfter: start };
    for await (const blob of super.list(inner, { ...rest, ...from })) {
      const key = blob.key.slice(this.#prefix.length);
      if (key > startAfter) yield { ...blob, key };
    }
  }

  // deno-lint-ignore require-await -- rejects instead of throwing
  protected override async remove(
    key: string,
    options?: OperationOptions,
  ): Promise<void> {
    return super.remove(this.#inner(key), options);
  }

  #inner(key: string): string {
    checkKey(key);
    const inner = this.#prefix + key;
    if (inner.length <= KEY_LENGTH_MAX) return inner;
    throw new BlobError(
      `Cannot use "${key}" as a blob key in ${this.display}: it has ` +
        `${key.length} characters, and ${
          KEY_LENGTH_MAX - this.#prefix.length
        } are left`,
      { code: "InvalidKey" },
    );
  }
}
