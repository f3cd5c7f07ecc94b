/**
 * What a check of the conformance suite is, and the words it is written in.
 *
 * @module
 */

import {
  type BlobErrorCode,
  blobErrorCode,
  type BlobStore,
  type Capabilities,
} from "../blob_store.ts";

/** What a check works with. */
export interface CheckContext {
  /** The store to check. */
  readonly store: BlobStore;
  /** All keys of the check begin so, and no others do. It ends with "/". */
  readonly prefix: string;
  /** Texts that nothing may show, such as the password that it was opened with. */
  readonly secrets?: readonly string[];
  /** Opens the same place again, as another server would; the check closes it. */
  reopen(): Promise<BlobStore>;
}

/** One promise of the contract, and how to find out whether a store keeps it. */
export interface BlobStoreCheck {
  /** The promise, as a sentence. */
  readonly name: string;
  /** False if the promise does not count for the store: it does not claim to be able to. */
  needs?(capabilities: Capabilities, store: BlobStore): boolean;
  /** It holds the store, which nobody else may do meanwhile. */
  readonly takesHold?: boolean;
  /** Rejects with a `ConformanceError` if the store does not keep it. */
  run(context: CheckContext): Promise<void>;
}

/** A store did not keep the contract. */
export class ConformanceError extends Error {
  /** `message` says what was expected of what, and what came instead. */
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "ConformanceError";
  }
}

/** Throws unless `condition` holds. `message` says what was found instead. */
export function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ConformanceError(message);
}

/** Throws unless the bytes of `what` are those expected. */
export function expectBytes(
  found: Uint8Array,
  expected: Uint8Array,
  what: string,
): void {
  expect(
    found.length === expected.length,
    `${what} has ${found.length} bytes, not ${expected.length}`,
  );
  const at = found.findIndex((byte, index) => byte !== expected[index]);
  expect(at < 0, `${what} differs from what was stored at byte ${at}`);
}

/** Rejects unless `operation` rejects with `code`. */
export async function expectCode(
  operation: Promise<unknown>,
  code: BlobErrorCode,
  what: string,
): Promise<void> {
  const found = await outcome(operation);
  expect(found === code, `${what} should fail with ${code}: it ${told(found)}`);
}

/** The error code that `operation` ended with; "resolved" without one. */
export async function outcome(
  operation: Promise<unknown>,
): Promise<BlobErrorCode | "resolved"> {
  try {
    await operation;
    return "resolved";
  } catch (error) {
    return blobErrorCode(error);
  }
}

/** What an outcome means, as the end of a sentence. */
export function told(found: BlobErrorCode | "resolved"): string {
  return found === "resolved" ? "succeeded" : `failed with ${found}`;
}

/** Bytes that depend on the seed, so that blobs do not pass for one another. */
export function bytesOf(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

/** All keys of a listing. */
export async function keysOf(
  store: BlobStore,
  prefix: string,
  startAfter?: string,
): Promise<string[]> {
  const keys: string[] = [];
  const options = startAfter === undefined ? {} : { startAfter };
  for await (const { key } of store.list(prefix, options)) keys.push(key);
  return keys;
}

/** Puts many small blobs, as many at once as the store likes. */
export async function putAll(
  store: BlobStore,
  keys: readonly string[],
): Promise<void> {
  const rest = keys.values();
  async function work(): Promise<void> {
    for (const key of rest) await store.put(key, bytesOf(3, key.length));
  }
  const workers = Math.max(1, Math.min(64, store.capabilities.concurrencyMax));
  await Promise.all(Array.from({ length: workers }, work));
}
