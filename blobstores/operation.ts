/**
 * What every store checks before it touches anything: keys, prefixes, ranges,
 * and whether the caller has given up. One place, so that all stores refuse
 * the same things in the same words.
 *
 * @module
 */

import { BlobError, type GetOptions } from "./blob_store.ts";

/** Most characters of a key. */
export const KEY_LENGTH_MAX = 200;

const KEY_CHARACTERS = /^[a-z0-9._/-]*$/;

/** A range of a blob that lies within it. */
export interface BlobRange {
  /** First byte. */
  readonly offset: number;
  /** How many bytes; 0 only for the whole of an empty blob. */
  readonly length: number;
}

/** Why `key` is no key, as half a sentence; null when it is one. */
export function keyFault(key: string): string | null {
  if (key.length === 0) return "it is empty";
  const fault = prefixFault(key);
  if (fault !== null) return fault;
  for (const part of key.split("/")) {
    if (part === "") return "it has an empty part";
    if (part === "." || part === "..") return `"${part}" is one of its parts`;
  }
  return null;
}

/** Throws `InvalidKey` unless `key` is a key. */
export function checkKey(key: string): void {
  const fault = keyFault(key);
  if (fault === null) return;
  throw new BlobError(
    `Cannot use ${JSON.stringify(key)} as a blob key: ${fault}. Keys are 1 ` +
      `to ${KEY_LENGTH_MAX} of a-z, 0-9, ".", "_", "-" and "/", without ` +
      `empty, "." or ".." parts`,
    { code: "InvalidKey" },
  );
}

/**
 * Throws `InvalidKey` unless a key could begin with `text`. For the prefix and
 * the start of a listing, which need not be keys themselves.
 */
export function checkPrefix(text: string): void {
  const fault = prefixFault(text);
  if (fault === null) return;
  throw new BlobError(
    `Cannot list blobs from ${JSON.stringify(text)}: ${fault}`,
    { code: "InvalidKey" },
  );
}

/**
 * Which bytes of a blob of `size` bytes a `get` means. Throws
 * `RangeNotSatisfiable` unless every byte asked for exists.
 */
export function resolveRange(
  range: GetOptions["range"],
  blob: { readonly key: string; readonly size: number },
): BlobRange {
  if (range === undefined) return { offset: 0, length: blob.size };
  const { offset, length } = range;
  checkRange(range, blob.key);
  if (offset + length > blob.size) {
    throw new BlobError(
      `Cannot read ${length} bytes at ${offset} of "${blob.key}": ` +
        `it has ${blob.size} bytes`,
      { code: "RangeNotSatisfiable" },
    );
  }
  return { offset, length };
}

/**
 * Throws `RangeNotSatisfiable` for a range that no blob can have, so that a
 * store can refuse it before it asks for anything.
 */
export function checkRange(range: GetOptions["range"], key: string): void {
  if (range === undefined) return;
  const { offset, length } = range;
  if (
    Number.isSafeInteger(offset) && offset >= 0 &&
    Number.isSafeInteger(length) && length >= 1
  ) return;
  throw new BlobError(
    `Cannot read ${length} bytes at ${offset} of "${key}": a range is at ` +
      `least 1 byte at an offset of at least 0`,
    { code: "RangeNotSatisfiable" },
  );
}

/**
 * Throws `Cancelled` if the caller gave up. `action` says what was tried:
 * `put "packs/00/…"`.
 */
export function throwIfCancelled(
  signal: AbortSignal | undefined,
  action: string,
): void {
  if (signal?.aborted) throw cancelled(action, signal.reason);
}

/** The error of an operation that its caller gave up. */
export function cancelled(action: string, cause: unknown): BlobError {
  return new BlobError(`Cannot ${action}: cancelled by the caller`, {
    code: "Cancelled",
    cause,
  });
}

/** The error of an operation on a store after its `close`. */
export function closedError(action: string, display: string): BlobError {
  return new BlobError(
    `Cannot ${action}: the store ${display} was closed`,
    { code: "Unavailable" },
  );
}

/** Orders keys by their bytes: keys are ASCII, where code units are bytes. */
export function compareKeys(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function prefixFault(text: string): string | null {
  if (text.length > KEY_LENGTH_MAX) {
    return `it has ${text.length} characters`;
  }
  if (!KEY_CHARACTERS.test(text)) {
    return "it has a character that keys do not have";
  }
  return null;
}
