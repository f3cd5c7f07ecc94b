/**
 * Which failures of a store may pass by themselves, and how long to wait before
 * the next attempt. The one place for it: the retry layer and the archive, which
 * repeats for ever, both ask here.
 *
 * @module
 */

import { type BlobErrorCode, blobErrorCode } from "../blob_store.ts";

const DELAY_FIRST_MS = 100;
const DELAY_MAX_MS = 30_000;
/** The longest for a store that is full: room is made by somebody who waits for an effect. */
const FULL_DELAY_MAX_MS = 10_000;
/** Beyond so many doublings the delay is at its longest anyway. */
const DOUBLINGS_MAX = 16;

/** Answers of a store: trying again gives the same. */
const ANSWERS: ReadonlySet<BlobErrorCode> = new Set<BlobErrorCode>([
  "NotFound",
  "AlreadyExists",
  "RangeNotSatisfiable",
  "InvalidKey",
  "Unsupported",
  "Corrupt",
  "Cancelled",
]);

/** Conditions that pass, whatever `retryable` says. */
const TEMPORARY: ReadonlySet<BlobErrorCode> = new Set<BlobErrorCode>([
  "RateLimited",
  "Timeout",
  "Unavailable",
]);

/** True for an error that is the store's answer: the same call gives it again. */
export function isAnswer(error: unknown): boolean {
  return ANSWERS.has(blobErrorCode(error));
}

/** True for an error that may pass by itself. */
export function isTemporary(error: unknown): boolean {
  const told = (error as { retryable?: unknown } | null)?.retryable;
  return told === true || TEMPORARY.has(blobErrorCode(error));
}

/**
 * How long to wait after the failure of an attempt, counted from 0: by chance
 * up to a bound that doubles, 0.1 s to 30 s, or to 10 s where there is no room
 * ("full jitter": many clients of a service that comes back do not all return at
 * one moment), but never less than
 * the store asked for. `random` answers numbers from 0 to 1; without it the
 * bound itself. With `delayMsMax` the bound grows no further than that.
 */
export function backoffMs(
  attempt: number,
  error: unknown,
  random: () => number = () => 1,
  delayMsMax: number = DELAY_MAX_MS,
): number {
  const doubled = DELAY_FIRST_MS * 2 ** Math.min(attempt, DOUBLINGS_MAX);
  const isFull = blobErrorCode(error) === "NoSpace";
  const boundMs = isFull ? Math.min(delayMsMax, FULL_DELAY_MAX_MS) : delayMsMax;
  const own = Math.round(Math.min(boundMs, doubled) * random());
  const asked = (error as { retryAfterMs?: unknown } | null)?.retryAfterMs;
  return typeof asked === "number" && asked > own ? asked : own;
}
