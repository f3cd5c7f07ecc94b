/**
 * Trying again: a blob store that does not answer is asked for ever, and every
 * attempt is reported. Only an answer about the blob itself ends an operation.
 *
 * @module
 */

import {
  BlobError,
  type BlobErrorCode,
  blobErrorCode,
} from "../../blobstores/blob_store.ts";
import type { EventSink } from "../events.ts";

const DELAY_MS_MIN = 100;
const DELAY_MS_MAX = 30_000;
/** A store that asks for more patience than this is asked earlier. */
const RETRY_AFTER_MS_MAX = 300_000;

/** Codes that say something about the blob or the call: asking again is no use. */
const FINAL: ReadonlySet<BlobErrorCode> = new Set<BlobErrorCode>([
  "NotFound",
  "AlreadyExists",
  "RangeNotSatisfiable",
  "Corrupt",
  "Unsupported",
  "InvalidKey",
  "InvalidConfig",
  "Cancelled",
]);

/** Codes that a person can do something about. */
const FOR_A_PERSON: ReadonlySet<BlobErrorCode> = new Set<BlobErrorCode>([
  "PermissionDenied",
  "NoSpace",
]);

/** What trying again needs. */
export interface RetryOptions {
  /** Takes a `store-retry` event for each failed attempt. */
  readonly onEvent: EventSink;
  /** Waits. */
  readonly sleep: (timeMs: number) => Promise<void>;
  /** Aborted: the next failure is the last, and no attempt follows a wait. */
  readonly signal: AbortSignal;
}

/**
 * Runs `operation` until it succeeds or fails for good. `action` says what is
 * tried: `put "packs/…" to file:…`. Rejects with the final error.
 */
export async function retrying<T>(
  action: string,
  operation: () => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  for (let attempt = 1;; attempt++) {
    if (options.signal.aborted) {
      throw new BlobError(`Cannot ${action}: the archive was closed`, {
        code: "Cancelled",
      });
    }
    try {
      return await operation();
    } catch (error) {
      const code = blobErrorCode(error);
      if (options.signal.aborted || isFinal(error, code)) throw error;
      const delayMs = delayOf(error, attempt);
      options.onEvent({
        event: "store-retry",
        severity: FOR_A_PERSON.has(code) ? "admin" : "expected",
        message: `Could not ${action}, attempt ${attempt}, next in ` +
          `${delayMs} ms: ${messageOf(error)}`,
        action,
        attempt,
        delayMs,
        code,
      });
      await options.sleep(delayMs);
    }
  }
}

function isFinal(error: unknown, code: BlobErrorCode): boolean {
  return FINAL.has(code) && (error as BlobError).retryable !== true;
}

function delayOf(error: unknown, attempt: number): number {
  const backoff = Math.min(DELAY_MS_MIN * 2 ** (attempt - 1), DELAY_MS_MAX);
  const asked = (error as BlobError | undefined)?.retryAfterMs;
  if (typeof asked !== "number" || !(asked >= 0)) return backoff;
  return Math.max(backoff, Math.min(asked, RETRY_AFTER_MS_MAX));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
