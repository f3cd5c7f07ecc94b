/**
 * The contract of a blob store: a place that keeps whole, immutable blobs under
 * short keys. Everything an archive keeps for good goes through it, so a store
 * must be atomic and durable, and honest about which of the two it cannot be.
 *
 * A store does not retry, cache or limit: layers around any store do. Errors
 * are recognised by `code`, never by class, because a plugin brings its own
 * copy of a class.
 *
 * @module
 */

/** Options of every operation. */
export interface OperationOptions {
  /** Gives up: the operation rejects with code `Cancelled`. */
  readonly signal?: AbortSignal;
}

/** Options of `put`. */
export interface PutOptions extends OperationOptions {
  /** Reject with `AlreadyExists`, changing nothing, if the key is taken. */
  readonly ifAbsent?: boolean;
}

/** Options of `get`. Without a range the whole blob is meant. */
export interface GetOptions extends OperationOptions {
  /** A range to read: exactly these bytes, or `RangeNotSatisfiable`. */
  readonly range?: {
    /** First byte. */
    readonly offset: number;
    /** How many bytes, at least 1. */
    readonly length: number;
  };
  /**
   * Whether bytes are those that the caller meant. A store that has another
   * copy (a mirror, a cache) tries that when it answers false, and keeps
   * nothing that was not accepted; any other store need not ask. May be called
   * several times, with bytes borrowed for the call; where nothing is accepted
   * `get` resolves all the same, with what was found last.
   */
  readonly accept?: (bytes: Uint8Array) => boolean;
  /**
   * Memory of so many bytes for the result of a range, with any bytes in it: a
   * store may ask for it, once for each attempt, and fills all of what it
   * returns. The caller uses it for other reads later, so a store that keeps
   * what it has read, or gives it to several callers, must not ask.
   */
  readonly allocate?: (length: number) => Uint8Array<ArrayBuffer>;
}

/** A range of a blob, one of many that are read together. */
export interface KeyedRange {
  /** The blob's key. */
  readonly key: string;
  /** First byte. */
  readonly offset: number;
  /** How many bytes, at least 1. */
  readonly length: number;
}

/** What was found of ranges, in their order: all bytes of a range, or undefined. */
export type FoundRanges = readonly (Uint8Array<ArrayBuffer> | undefined)[];

/** Options of `list`. */
export interface ListOptions extends OperationOptions {
  /** Only keys that sort behind this one. */
  readonly startAfter?: string;
}

/** A blob in a listing. */
export interface BlobDescription {
  /** Its key. */
  readonly key: string;
  /** Its length in bytes. */
  readonly size: number;
}

/** What a store can and cannot do: data that the engine reads. */
export interface Capabilities {
  /** `put` with `ifAbsent` is decided by the store itself. */
  readonly createExclusive: boolean;
  /** Why `createExclusive` is false and what to do: ends "Cannot …: …". */
  readonly createExclusiveFault?: string;
  /** `hold` exists: the system lets go of a dead holder's hold. */
  readonly hold: boolean;
  /** Operations at once beyond which more do not help. */
  readonly concurrencyMax: number;
}

/** A hold on a store, let go by `release` or by the holder's death. */
export interface StoreHold {
  /** Lets go. */
  release(): Promise<void>;
}

/**
 * A blob store. Keys match `[a-z0-9._/-]{1,200}`, have no empty, `.` or `..`
 * part, and sort by their bytes. A store that keeps blobs in folders may refuse
 * a key with `InvalidKey` where one key would be a folder of the other, or that
 * it needs for itself.
 */
export interface BlobStore {
  /** The store's URL with secrets removed: safe in any message. */
  readonly display: string;
  /** What it can do. */
  readonly capabilities: Capabilities;

  /**
   * Stores a whole blob. When it resolves the blob is durable; a reader sees
   * the whole blob or none. `body` is borrowed until the promise settles. When
   * it rejects with `AlreadyExists` the blob that exists is durable; after any
   * other rejection the blob may be there or not.
   */
  put(key: string, body: Uint8Array, options?: PutOptions): Promise<void>;

  /** Reads a blob or a range of it. Rejects with `NotFound` where there is none. The result is the caller's. */
  get(key: string, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>>;

  /**
   * Reads many small ranges, of any blobs, for less than as many `get`s. Absent
   * where a store cannot. Only for callers that know what is right: bytes may be
   * those of a blob that was replaced a second ago.
   *
   * Undefined are those that it did not get, for whatever reason: `get` tells
   * that, or gets them. The same goes for all of them where it rejects. The
   * bytes are the caller's; ranges may share one buffer.
   */
  getRanges?(
    ranges: readonly KeyedRange[],
    options?: OperationOptions,
  ): Promise<FoundRanges>;

  /** Describes a blob; null where there is none. */
  head(
    key: string,
    options?: OperationOptions,
  ): Promise<BlobDescription | null>;

  /** Lists the keys that begin with `prefix`, ascending. */
  list(prefix: string, options?: ListOptions): AsyncIterable<BlobDescription>;

  /**
   * Takes the store for this process, or returns null when another live one
   * has it. Present if `capabilities.hold`.
   */
  hold?(options?: OperationOptions): Promise<StoreHold | null>;

  /**
   * Removes a blob; resolves also where there was none. Absent where a store
   * cannot. No archive deletes anything: it is for tidying up after a trial.
   */
  delete?(key: string, options?: OperationOptions): Promise<void>;

  /** Ends the use of the store. */
  close(): Promise<void>;
}

/** All classes of failure. */
export const BLOB_ERROR_CODES = [
  "NotFound",
  "AlreadyExists",
  "RangeNotSatisfiable",
  "PermissionDenied",
  "RateLimited",
  "Timeout",
  "Unavailable",
  "NoSpace",
  "Corrupt",
  "Unsupported",
  "InvalidKey",
  "InvalidConfig",
  "Cancelled",
  "Unknown",
] as const;

/** Why an operation failed, and what the caller can do about it. */
export type BlobErrorCode = typeof BLOB_ERROR_CODES[number];

/** Details of a `BlobError`. */
export interface BlobErrorOptions {
  /** The class of the failure. */
  readonly code: BlobErrorCode;
  /** The same call may succeed later. */
  readonly retryable?: boolean;
  /** The store asked to wait this long. */
  readonly retryAfterMs?: number;
  /** What lies underneath. */
  readonly cause?: unknown;
}

/** A failed operation of a blob store. */
export class BlobError extends Error {
  /** The class of the failure. */
  readonly code: BlobErrorCode;
  /** The same call may succeed later. */
  readonly retryable: boolean;
  /** The store asked to wait this long, if it did. */
  readonly retryAfterMs: number | undefined;

  /** Makes an error; `message` says what was tried on what, and what came back. */
  constructor(message: string, options: BlobErrorOptions) {
    super(message, { cause: options.cause });
    this.name = "BlobError";
    this.code = options.code;
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The code of a blob store's error, by duck typing; `Unknown` for any other value. */
export function blobErrorCode(error: unknown): BlobErrorCode {
  if (typeof error !== "object" || error === null) return "Unknown";
  const { code } = error as { code?: unknown };
  // A system error has a code too, of another kind: "ENOENT".
  return BLOB_ERROR_CODES.find((known) => known === code) ?? "Unknown";
}
