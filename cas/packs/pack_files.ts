/**
 * Pack files in a blob store: their keys, and operations that are retried
 * until the store has answered about the file.
 *
 * @module
 */

import {
  type BlobDescription,
  blobErrorCode,
  type BlobStore,
  type GetOptions,
} from "../../blobstores/blob_store.ts";
import { Retry } from "../engine/retry.ts";
import type { StoreRoom } from "../engine/store_room.ts";
import type { EventSink } from "../events.ts";
import { TogetherReads } from "./together_reads.ts";

/** What the keys of all packs begin with. */
export const PACKS_PREFIX = "packs/";
/** Keys that are kept. */
const KEYS_MAX = 4096;
const KEY = /^packs\/([0-9a-f]{2})\/(\1[0-9a-f]{62})$/;

/** The key of a pack: `packs/<first two digits>/<name>`. */
export function packKey(name: string): string {
  return `${PACKS_PREFIX}${name.slice(0, 2)}/${name}`;
}

/** The name of the pack under a key; undefined when it is not a pack's key. */
export function packNameOf(key: string): string | undefined {
  return KEY.exec(key)?.[2];
}

/** A pack in a listing. */
export interface PackFile {
  /** Its name, 64 hexadecimal digits. */
  readonly name: string;
  /** Its length in bytes. */
  readonly size: number;
}

/** Bytes of a pack. */
export interface PackRange {
  /** Its name. */
  readonly name: string;
  /** First byte. */
  readonly offset: number;
  /** How many bytes. */
  readonly length: number;
}

/** Why bytes of a pack could not be had, as half a sentence. */
export class PackFault {
  /** "the pack is missing". */
  readonly reason: string;

  /** Makes a fault. */
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** What pack files need from outside. */
export interface PackFilesOptions {
  /** Where they are; it limits itself how much it does at once. */
  readonly store: BlobStore;
  /** Takes the retries. */
  readonly onEvent: EventSink;
  /** Waits between attempts; resolves early when the signal aborts. */
  readonly sleep: (timeMs: number, signal: AbortSignal) => Promise<void>;
  /** Numbers from 0 up to 1, to spread repeats; without it they are not spread. */
  readonly random?: () => number;
  /** Told when the store has none for a pack, where somebody wants to know. */
  readonly room?: StoreRoom;
}

/** The pack files of an archive. */
export class PackFiles {
  /** Operations at once that the store takes well. */
  readonly concurrencyMax: number;
  readonly #store: BlobStore;
  readonly #closing = new AbortController();
  readonly #retry: Retry;
  readonly #together: TogetherReads;
  readonly #keys = new Map<string, string>();

  /** Opens nothing: every call goes to the store. */
  constructor(options: PackFilesOptions) {
    this.#store = options.store;
    this.concurrencyMax = Math.max(1, this.#store.capabilities.concurrencyMax);
    this.#retry = new Retry({
      clock: {
        sleep: options.sleep,
        ...(options.random === undefined ? {} : { random: options.random }),
      },
      onEvent: options.onEvent,
      signal: this.#closing.signal,
      ...(options.room === undefined ? {} : { room: options.room }),
    });
    this.#retry.persist();
    this.#together = new TogetherReads({
      display: this.#store.display,
      onEvent: options.onEvent,
      sleep: options.sleep,
      signal: this.#closing.signal,
    });
  }

  /** Stores a pack; false, changing nothing, when there is a blob of its name. */
  async put(name: string, bytes: Uint8Array): Promise<boolean> {
    const key = packKey(name);
    const exclusive = this.#store.capabilities.createExclusive;
    if (!exclusive && await this.size(name) !== undefined) return false;
    const signal = this.#closing.signal;
    try {
      await this.#call(
        `put "${key}"`,
        () => this.#store.put(key, bytes, { ifAbsent: exclusive, signal }),
      );
      return true;
    } catch (error) {
      if (blobErrorCode(error) === "AlreadyExists") return false;
      throw error;
    }
  }

  /**
   * Exactly `length` bytes at `offset` of a pack, or why they cannot be had.
   * Where the store has several copies, `accept` tells whether one will do; where
   * it can use memory of the caller, it takes it from `allocate`.
   */
  async read(
    name: string,
    offset: number,
    length: number,
    accept?: (bytes: Uint8Array) => boolean,
    allocate?: GetOptions["allocate"],
  ): Promise<Uint8Array | PackFault> {
    const range = { offset, length };
    const isRight = (bytes: Uint8Array): boolean =>
      bytes.length === length && (accept?.(bytes) ?? true);
    const bytes = await this.#get(name, {
      range,
      accept: isRight,
      ...(allocate === undefined ? {} : { allocate }),
    });
    if (bytes instanceof PackFault || bytes.length === length) return bytes;
    return new PackFault(
      `the store returned ${bytes.length} bytes where ${length} were asked`,
    );
  }

  /**
   * Bytes of packs that the store reads together, by the places of `ranges`; to
   * be read one by one are those that are undefined. All are, where it has no
   * such way, or it failed a short while ago: `read` tries again, and tells.
   */
  async readTogether(
    ranges: readonly PackRange[],
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const store = this.#store;
    if (store.getRanges === undefined) return [];
    const keyed = ranges.map(({ name, offset, length }) => ({
      key: this.#keyOf(name),
      offset,
      length,
    }));
    const { signal } = this.#closing;
    const found = await this.#together.run(
      () => store.getRanges!(keyed, { signal }),
    );
    return found.map((bytes, place) =>
      bytes?.length === ranges[place]?.length ? bytes : undefined
    );
  }

  /** The whole of a pack, or why it cannot be had; `accept` as for `read`. */
  readAll(
    name: string,
    accept?: (bytes: Uint8Array) => boolean,
  ): Promise<Uint8Array | PackFault> {
    return this.#get(name, accept === undefined ? {} : { accept });
  }

  /** The length of a pack; undefined when it is missing. */
  async size(name: string): Promise<number | undefined> {
    const key = packKey(name);
    const signal = this.#closing.signal;
    const found = await this.#call(
      `head "${key}"`,
      () => this.#store.head(key, { signal }),
    );
    return found?.size;
  }

  /** All packs, by name. Blobs with other keys are passed over. */
  async *list(): AsyncGenerator<PackFile, void, undefined> {
    const action = `list "${PACKS_PREFIX}" in ${this.#store.display}`;
    let listing = this.#listAfter("");
    let last = "";
    try {
      for (;;) {
        const step = await this.#retry.run(action, async () => {
          try {
            return await listing.next();
          } catch (error) {
            listing = this.#listAfter(last);
            throw error;
          }
        });
        if (step.done === true) return;
        last = step.value.key;
        const name = packNameOf(last);
        if (name !== undefined) yield { name, size: step.value.size };
      }
    } finally {
      await listing.return?.();
    }
  }

  /** Ends all retries: operations under way reject. */
  close(): void {
    this.#closing.abort();
  }

  async #get(
    name: string,
    wanted: Pick<GetOptions, "range" | "accept" | "allocate">,
  ): Promise<Uint8Array | PackFault> {
    const key = packKey(name);
    const options = { ...wanted, signal: this.#closing.signal };
    try {
      return await this.#call(
        `get "${key}"`,
        () => this.#store.get(key, options),
      );
    } catch (error) {
      const code = blobErrorCode(error);
      if (code === "NotFound") return new PackFault("the pack is missing");
      if (code === "RangeNotSatisfiable") {
        return new PackFault("the pack ends before");
      }
      if (code === "Corrupt") {
        return new PackFault(`the store says: ${(error as Error).message}`);
      }
      throw error;
    }
  }

  /** The same text each time: what looks it up need not read it. */
  #keyOf(name: string): string {
    let key = this.#keys.get(name);
    if (key === undefined) {
      key = packKey(name);
      if (this.#keys.size >= KEYS_MAX) this.#keys.clear();
      this.#keys.set(name, key);
    }
    return key;
  }

  #call<T>(action: string, operation: () => Promise<T>): Promise<T> {
    return this.#retry.run(`${action} in ${this.#store.display}`, operation);
  }

  #listAfter(startAfter: string): AsyncIterator<BlobDescription> {
    const signal = this.#closing.signal;
    const options = startAfter === "" ? { signal } : { signal, startAfter };
    return this.#store.list(PACKS_PREFIX, options)[Symbol.asyncIterator]();
  }
}
