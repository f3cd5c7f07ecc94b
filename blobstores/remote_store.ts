/**
 * A blob store over a remote service. What all of them do alike is here: keys,
 * ranges, giving up, closing, the order of listings, errors. A service does no
 * more than translate.
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
} from "./blob_store.ts";
import {
  checkKey,
  checkPrefix,
  checkRange,
  closedError,
  compareKeys,
  keyFault,
  throwIfCancelled,
} from "./operation.ts";
import { remoteError, RemoteFailure } from "./remote_failure.ts";

/** An object of the service; its name may be no key. */
export interface RemoteObject {
  /** Its name in the service, behind the store's own prefix. */
  readonly name: string;
  /** Its length in bytes. */
  readonly size: number;
}

/**
 * A service. Names are keys; rejections are `RemoteFailure`s, or anything when
 * the signal was aborted.
 */
export interface RemoteService {
  /** Stores an object; rejects with a failure of code `AlreadyExists` under `ifAbsent`. */
  put(
    name: string,
    body: Uint8Array<ArrayBuffer>,
    options: PutOptions,
  ): Promise<void>;
  /** Reads an object, or exactly a range of it. */
  get(name: string, options: GetOptions): Promise<Uint8Array<ArrayBuffer>>;
  /** An object's length; null where there is none. */
  head(name: string, options: OperationOptions): Promise<number | null>;
  /**
   * Objects whose names begin with `prefix`, ascending, in pages. Those up to
   * `startAfter` may be among them.
   */
  list(
    prefix: string,
    options: ListOptions,
  ): AsyncIterable<readonly RemoteObject[]>;
  /** Removes an object, if it is there. Absent where the service cannot. */
  delete?(name: string, options: OperationOptions): Promise<void>;
  /** Lets go of connections. */
  close(): void;
}

/** How to make a `RemoteStore`. */
export interface RemoteStoreOptions {
  /** The URL without secrets. */
  readonly display: string;
  /** What the service can do. */
  readonly capabilities: Capabilities;
  /** Owned: closed with the store. */
  readonly service: RemoteService;
}

/** A blob store over a `RemoteService`. */
export class RemoteStore implements BlobStore {
  readonly display: string;
  readonly capabilities: Capabilities;
  /** Present if the service can. */
  readonly delete?: (key: string, options?: OperationOptions) => Promise<void>;
  readonly #service: RemoteService;
  #closed = false;

  /** Takes over the service. */
  constructor({ display, capabilities, service }: RemoteStoreOptions) {
    this.display = display;
    this.capabilities = capabilities;
    this.#service = service;
    if (service.delete !== undefined) {
      this.delete = (key, options) => this.#delete(key, options);
    }
  }

  async put(
    key: string,
    body: Uint8Array,
    options: PutOptions = {},
  ): Promise<void> {
    checkKey(key);
    const action = `put "${key}" in ${this.display}`;
    if (options.ifAbsent && !this.capabilities.createExclusive) {
      throw new BlobError(
        `Cannot create "${key}" in ${this.display}: ${
          this.capabilities.createExclusiveFault ??
            "it has no create-if-absent"
        }`,
        { code: "Unsupported" },
      );
    }
    await this.#run(
      action,
      options,
      () => this.#service.put(key, unshared(body), options),
    );
  }

  async get(
    key: string,
    options: GetOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    checkKey(key);
    checkRange(options.range, key);
    return await this.#run(
      `get "${key}" from ${this.display}`,
      options,
      () => this.#service.get(key, options),
    );
  }

  async head(
    key: string,
    options: OperationOptions = {},
  ): Promise<BlobDescription | null> {
    checkKey(key);
    const size = await this.#run(
      `look for "${key}" in ${this.display}`,
      options,
      () => this.#service.head(key, options),
    );
    return size === null ? null : { key, size };
  }

  /** Asks for a page when the one before is used up. */
  async *list(
    prefix: string,
    options: ListOptions = {},
  ): AsyncGenerator<BlobDescription, void, undefined> {
    const { startAfter = "", signal } = options;
    checkPrefix(prefix);
    checkPrefix(startAfter);
    const action = `list "${prefix}" in ${this.display}`;
    this.#check(action, signal);
    if (startAfter > prefix && !startAfter.startsWith(prefix)) return;
    const pages = this.#service.list(prefix, options)[Symbol.asyncIterator]();
    let last = "";
    for (;;) {
      const page = await this.#run(action, options, () => pages.next());
      if (page.done === true) return;
      for (const { name, size } of page.value) {
        throwIfCancelled(signal, action);
        if (keyFault(name) !== null) continue;
        if (compareKeys(last, name) >= 0) throw this.#disorder(name, last);
        last = name;
        if (name > startAfter) yield { key: name, size };
      }
    }
  }

  // deno-lint-ignore require-await -- rejects instead of throwing
  async close(): Promise<void> {
    this.#closed = true;
    this.#service.close();
  }

  async #delete(key: string, options: OperationOptions = {}): Promise<void> {
    checkKey(key);
    const action = `delete "${key}" from ${this.display}`;
    await this.#run(
      action,
      options,
      () => this.#service.delete!(key, options),
    );
  }

  async #run<Result>(
    action: string,
    { signal }: OperationOptions,
    operation: () => Promise<Result>,
  ): Promise<Result> {
    this.#check(action, signal);
    try {
      return await operation();
    } catch (error) {
      throw remoteError(error, { action, signal });
    }
  }

  #check(action: string, signal: AbortSignal | undefined): void {
    if (this.#closed) throw closedError(action, this.display);
    throwIfCancelled(signal, action);
  }

  /** Newest roots are found by order: another order must not pass for it. */
  #disorder(name: string, last: string): BlobError {
    const failure = new RemoteFailure({
      code: "Unsupported",
      reason:
        `it lists ${JSON.stringify(name)} behind ${
          JSON.stringify(last)
        }, not in the order of bytes (an S3 directory bucket, an Azure account ` +
        `with a hierarchical namespace?). Use a store that does`,
    });
    return remoteError(failure, { action: `list ${this.display}` });
  }
}

/** A body in memory of its own: requests do not take shared memory. */
function unshared(body: Uint8Array): Uint8Array<ArrayBuffer> {
  return body.buffer instanceof SharedArrayBuffer
    ? new Uint8Array(body)
    : body as Uint8Array<ArrayBuffer>;
}
