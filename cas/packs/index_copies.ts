/**
 * The index copies of a store: docs/format.md, "Index copies". They are caches:
 * whatever is wrong with one is told, and the directories of its packs are read
 * instead. So only what passes is waited for: a store that refuses is a store
 * without copies.
 *
 * @module
 */

import {
  BlobError,
  blobErrorCode,
  type GetOptions,
} from "../../blobstores/blob_store.ts";
import { Retry } from "../engine/retry.ts";
import type { Hasher } from "../score.ts";
import {
  type CopiedPack,
  COPY_HEAD_BYTES_MAX,
  type CopySection,
  decodeCopy,
  decodeCopyHead,
  encodeCopy,
} from "./index_copy_format.ts";
import { mapInOrder } from "./map_in_order.ts";
import type { PackFilesOptions } from "./pack_files.ts";

/** What the keys of all copies begin with. */
export const COPIES_PREFIX = "index/";
const KEY = /^index\/([0-9a-f]{64})$/;

/** The name of the copy under a key; undefined where it is not a copy's key. */
export function copyNameOf(key: string): string | undefined {
  return KEY.exec(key)?.[1];
}

/** A copy that was read and verified. */
export interface IndexCopy {
  /** All of it. */
  readonly bytes: Uint8Array;
  /** Its packs. */
  readonly packs: readonly CopySection[];
}

/** What copies need from outside. */
export interface IndexCopiesOptions extends PackFilesOptions {
  /** Computes names and checksums. */
  readonly hasher: Hasher;
}

/** The copies in one store. */
export class IndexCopies {
  readonly #options: IndexCopiesOptions;
  readonly #closing = new AbortController();
  readonly #retry: Retry;
  #covered: Set<string> | undefined;

  /** Touches nothing. */
  constructor(options: IndexCopiesOptions) {
    this.#options = options;
    const { onEvent, sleep, random } = options;
    this.#retry = new Retry({
      clock: { sleep, ...(random === undefined ? {} : { random }) },
      onEvent,
      signal: this.#closing.signal,
    });
  }

  /** Names of all copies, with their sizes. */
  async list(): Promise<Map<string, number>> {
    const { store } = this.#options;
    try {
      return await this.#retry.run(
        `list "${COPIES_PREFIX}" in ${store.display}`,
        async () => {
          const { signal } = this.#closing;
          const found = new Map<string, number>();
          for await (const it of store.list(COPIES_PREFIX, { signal })) {
            const name = copyNameOf(it.key);
            if (name !== undefined) found.set(name, it.size);
          }
          return found;
        },
      );
    } catch (error) {
      this.#ignore(COPIES_PREFIX, (error as Error).message);
      return new Map();
    }
  }

  /** A whole copy; undefined, after an event, where it is of no use. */
  async read(name: string): Promise<IndexCopy | undefined> {
    const hash = this.#options.hasher.hash;
    const bytes = await this.#get(name, {
      accept: (bytes) => typeof decodeCopy(name, bytes, hash) !== "string",
    });
    if (bytes === undefined) return undefined;
    const packs = decodeCopy(name, bytes, hash);
    if (typeof packs !== "string") return { bytes, packs };
    this.#ignore(COPIES_PREFIX + name, packs);
    return undefined;
  }

  /** The packs that are in copies: as this process has found and put them, or as their heads say. */
  async covered(): Promise<Set<string>> {
    if (this.#covered !== undefined) return this.#covered;
    const covered = new Set<string>();
    const heads = mapInOrder(
      await this.list(),
      Math.max(1, this.#options.store.capabilities.concurrencyMax),
      ([name, size]) => this.#readHead(name, size),
    );
    for await (const packs of heads) {
      for (const { name } of packs) covered.add(name);
    }
    this.#covered = covered;
    return covered;
  }

  /** These packs, and no others, are in copies. */
  setCovered(names: Set<string>): void {
    this.#covered = names;
  }

  /** Puts a copy of these packs; its key. Where a blob that is no such copy has its name, it gets another. */
  async put(packs: readonly CopiedPack[]): Promise<string> {
    const { store, hasher } = this.#options;
    for (let variant = 0;; variant++) {
      const bytes = encodeCopy(packs, variant, hasher.hash);
      const name = hasher.hash(bytes).toHex();
      const key = COPIES_PREFIX + name;
      try {
        await this.#retry.run(
          `put "${key}" in ${store.display}`,
          () => this.#create(key, bytes),
        );
        return key;
      } catch (error) {
        if (blobErrorCode(error) !== "AlreadyExists") throw error;
        if (await this.read(name) !== undefined) return key;
      }
    }
  }

  /** Ends all retries: operations under way reject. */
  close(): void {
    this.#closing.abort();
  }

  async #create(key: string, bytes: Uint8Array): Promise<void> {
    const { store } = this.#options;
    const { signal } = this.#closing;
    const ifAbsent = store.capabilities.createExclusive;
    if (!ifAbsent && await store.head(key, { signal }) !== null) {
      throw new BlobError("It is there", { code: "AlreadyExists" });
    }
    await store.put(key, bytes, { ifAbsent, signal });
  }

  async #readHead(
    name: string,
    size: number,
  ): Promise<readonly CopySection[]> {
    const { hash } = this.#options.hasher;
    const length = Math.min(size, COPY_HEAD_BYTES_MAX);
    if (length === 0) return [];
    const bytes = await this.#get(name, {
      range: { offset: 0, length },
      accept: (bytes) => typeof decodeCopyHead(bytes, size, hash) !== "string",
    });
    if (bytes === undefined) return [];
    const packs = decodeCopyHead(bytes, size, hash);
    if (typeof packs !== "string") return packs;
    this.#ignore(COPIES_PREFIX + name, packs);
    return [];
  }

  async #get(
    name: string,
    wanted: GetOptions,
  ): Promise<Uint8Array | undefined> {
    const { store } = this.#options;
    const key = COPIES_PREFIX + name;
    const { signal } = this.#closing;
    try {
      return await this.#retry.run(
        `get "${key}" in ${store.display}`,
        () => store.get(key, { ...wanted, signal }),
      );
    } catch (error) {
      this.#ignore(key, (error as Error).message);
      return undefined;
    }
  }

  #ignore(key: string, reason: string): void {
    const { store, onEvent } = this.#options;
    if (this.#closing.signal.aborted) return;
    onEvent({
      event: "index-copy-ignored",
      severity: "strange",
      message:
        `The copy of the index "${key}" in ${store.display} is of no use: ${reason}; nothing is lost, the packs are read instead`,
      key,
      reason,
    });
  }
}
