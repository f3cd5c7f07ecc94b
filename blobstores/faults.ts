/**
 * A store that fails on purpose, around any other: to show what an archive
 * does when its store is slow, away, ambiguous or wrong.
 *
 * @module
 */

import {
  type BlobDescription,
  BlobError,
  type BlobErrorCode,
  type BlobStore,
  type Capabilities,
  type GetOptions,
  type ListOptions,
  type OperationOptions,
  type PutOptions,
  type StoreHold,
} from "./blob_store.ts";

/** An operation that is about to begin. */
export interface StoreOperation {
  /** Which one. */
  readonly name: "put" | "get" | "head" | "list" | "hold";
  /** Its key; the prefix of a listing; "" for a hold. */
  readonly key: string;
}

/** What goes wrong with one operation. All that is given happens. */
export interface Fault {
  /** It takes this much longer. */
  readonly delayMs?: number;
  /** It fails with this code. */
  readonly code?: BlobErrorCode;
  /** It fails after it took effect, rather than before. */
  readonly afterEffect?: boolean;
  /** The failure is not worth another try. */
  readonly permanent?: boolean;
  /** Of the body put or got, so many bytes are missing at the end. */
  readonly truncateBytes?: number;
  /** In the body put or got, this bit is wrong, counted modulo its length. */
  readonly flipBit?: number;
}

/** Decides what goes wrong with an operation; null for nothing. */
export type ChooseFault = (operation: StoreOperation) => Fault | null;

/** Options of a `FaultyStore`. */
export interface FaultyStoreOptions {
  /** Asked once for every operation, in the order they begin. */
  readonly choose: ChooseFault;
  /** Waits; rejects when the signal is aborted. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** A store with faults. */
export class FaultyStore implements BlobStore {
  readonly display: string;
  readonly capabilities: Capabilities;
  /** Takes the store, with faults. Present if the store underneath has it. */
  readonly hold?: (options?: OperationOptions) => Promise<StoreHold | null>;
  readonly #store: BlobStore;
  readonly #options: FaultyStoreOptions;

  /** Wraps `store`, which closes with this one. */
  constructor(store: BlobStore, options: FaultyStoreOptions) {
    this.#store = store;
    this.#options = options;
    this.display = store.display;
    this.capabilities = store.capabilities;
    if (store.hold !== undefined) {
      this.hold = (options) =>
        this.#run({ name: "hold", key: "" }, options, () => {
          return store.hold!(options);
        });
    }
  }

  put(key: string, body: Uint8Array, options?: PutOptions): Promise<void> {
    return this.#run(
      { name: "put", key },
      options,
      (fault) => this.#store.put(key, damaged(body, fault), options),
    );
  }

  get(key: string, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.#run(
      { name: "get", key },
      options,
      async (fault) => damaged(await this.#store.get(key, options), fault),
    );
  }

  head(
    key: string,
    options?: OperationOptions,
  ): Promise<BlobDescription | null> {
    return this.#run(
      { name: "head", key },
      options,
      () => this.#store.head(key, options),
    );
  }

  async *list(
    prefix: string,
    options?: ListOptions,
  ): AsyncGenerator<BlobDescription, void, undefined> {
    const operation: StoreOperation = { name: "list", key: prefix };
    const fault = await this.#begin(operation, options);
    yield* this.#store.list(prefix, options);
    if (fault.code !== undefined) throw failure(operation, fault, fault.code);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #run<Result>(
    operation: StoreOperation,
    options: OperationOptions | undefined,
    perform: (fault: Fault) => Promise<Result>,
  ): Promise<Result> {
    const fault = await this.#begin(operation, options);
    const result = await perform(fault);
    if (fault.code !== undefined) throw failure(operation, fault, fault.code);
    return result;
  }

  /** What is left to go wrong after the beginning. */
  async #begin(
    operation: StoreOperation,
    options: OperationOptions | undefined,
  ): Promise<Fault> {
    const fault = this.#options.choose(operation);
    if (fault === null) return {};
    if (fault.delayMs !== undefined) {
      await this.#options.sleep(fault.delayMs, options?.signal);
    }
    if (fault.code !== undefined && !fault.afterEffect) {
      throw failure(operation, fault, fault.code);
    }
    return fault;
  }
}

/** One line of a script of faults. */
export interface ScriptedFault {
  /** The operations it is for. */
  readonly name: StoreOperation["name"];
  /** Only those on keys that begin so. */
  readonly keyPrefix?: string;
  /** So many of them are let through first: 0 when absent. */
  readonly skip?: number;
  /** So many of them it happens to: 1 when absent, `Infinity` for all. */
  readonly times?: number;
  /** What happens. */
  readonly fault: Fault;
}

/** Faults by a script; the first line that is due for an operation counts. */
export function scriptedFaults(script: readonly ScriptedFault[]): ChooseFault {
  const counts = new Map<ScriptedFault, number>();
  return ({ name, key }): Fault | null => {
    let chosen: Fault | null = null;
    for (const line of script) {
      const { skip = 0, times = 1, keyPrefix = "" } = line;
      if (line.name !== name || !key.startsWith(keyPrefix)) continue;
      const count = counts.get(line) ?? 0;
      counts.set(line, count + 1);
      if (count >= skip && count < skip + times) chosen ??= line.fault;
    }
    return chosen;
  };
}

/** How often what goes wrong: chances from 0 to 1, 0 when absent. */
export interface FaultChances {
  /** A failure before the operation takes effect. */
  readonly failBefore?: number;
  /** A failure after the operation took effect. */
  readonly failAfter?: number;
  /** A delay, of up to `delayMsMax`. */
  readonly delay?: number;
  /** The longest delay; 1000 when absent. */
  readonly delayMsMax?: number;
  /** A body that is cut short. */
  readonly truncate?: number;
  /** A body with a wrong bit. */
  readonly flip?: number;
}

const PASSING_CODES: readonly BlobErrorCode[] = [
  "Unavailable",
  "Timeout",
  "RateLimited",
];

/** Faults by chance; `random` answers numbers from 0 up to, not with, 1. */
export function randomFaults(
  chances: FaultChances,
  random: () => number,
): ChooseFault {
  const { failBefore = 0, failAfter = 0, delay = 0, delayMsMax = 1000 } =
    chances;
  const { truncate = 0, flip = 0 } = chances;
  return (): Fault => {
    const roll = random();
    const fails = roll < failBefore + failAfter;
    const code = PASSING_CODES[Math.floor(random() * PASSING_CODES.length)]!;
    return {
      ...(fails ? { code, afterEffect: roll >= failBefore } : {}),
      ...(random() < delay ? { delayMs: random() * delayMsMax } : {}),
      ...(random() < truncate ? { truncateBytes: 1 } : {}),
      ...(random() < flip ? { flipBit: Math.floor(random() * 2 ** 31) } : {}),
    };
  };
}

function failure(
  { name, key }: StoreOperation,
  { permanent = false, afterEffect = false }: Fault,
  code: BlobErrorCode,
): BlobError {
  const when = afterEffect ? "after it took effect" : "before it took effect";
  return new BlobError(
    `Cannot ${name} "${key}": a fault was injected ${when}`,
    {
      code,
      retryable: !permanent,
    },
  );
}

/** A damaged copy of `bytes`; `bytes` itself if nothing damages them. */
function damaged<Bytes extends Uint8Array>(
  bytes: Bytes,
  { truncateBytes, flipBit }: Fault,
): Bytes | Uint8Array<ArrayBuffer> {
  if (truncateBytes === undefined && flipBit === undefined) return bytes;
  const length = Math.max(0, bytes.length - (truncateBytes ?? 0));
  const copy = new Uint8Array(bytes.subarray(0, length));
  if (flipBit !== undefined && length > 0) {
    const at = Math.floor(flipBit / 8) % length;
    copy[at] = copy[at]! ^ (1 << flipBit % 8);
  }
  return copy;
}
