/**
 * The conformance suite: what every blob store must do, built in or not.
 *
 * In a test file of a plugin:
 *
 * ```ts
 * testBlobStore("shelf-at-home", () => makeScratchPlace());
 * ```
 *
 * The checks leave their blobs behind, since not every store can delete: give
 * them a place of their own. What a check cannot do is pull the plug: that a blob is
 * durable when its `put` resolves is for the store's own tests.
 *
 * @module
 */

import type { BlobStore } from "./blob_store.ts";
import type { BlobStoreCheck } from "./conformance/check.ts";
import { holdingChecks } from "./conformance/holding.ts";
import { listingChecks } from "./conformance/listing.ts";
import { readingChecks } from "./conformance/reading.ts";
import { tellingChecks } from "./conformance/telling.ts";
import { writingChecks } from "./conformance/writing.ts";

export {
  type BlobStoreCheck,
  type CheckContext,
  ConformanceError,
} from "./conformance/check.ts";

export {
  type CheckOutcome,
  type ValidateOptions,
  validateStore,
  type ValidationReport,
} from "./conformance/validate.ts";
export type {
  RoundReport,
  ThroughputReport,
} from "./conformance/throughput.ts";

export {
  type FailingPlace,
  testBlobStoreFaults,
  type TestFaultsOptions,
} from "./conformance/failing.ts";

/** All checks. */
export const blobStoreChecks: readonly BlobStoreCheck[] = [
  ...readingChecks,
  ...writingChecks,
  ...listingChecks,
  ...holdingChecks,
  ...tellingChecks,
];

/** A place that can be opened as a store, more than once at a time. */
export interface StorePlace {
  /** Opens it. */
  open(): Promise<BlobStore>;
  /** Removes it, when all stores over it are closed. */
  remove?(): Promise<void>;
}

/** Options of `testBlobStore`. */
export interface TestBlobStoreOptions {
  /** Registers a test; `Deno.test` when absent. */
  readonly register?: (name: string, run: () => Promise<void>) => void;
  /** What keys begin with: "check/" when absent. Ends with "/". */
  readonly prefix?: string;
  /** What the places are opened with and nothing may show: passwords, tokens. */
  readonly secrets?: readonly string[];
}

/** Registers one test for each check; each gets a place of its own. */
export function testBlobStore(
  name: string,
  makePlace: () => Promise<StorePlace>,
  options: TestBlobStoreOptions = {},
): void {
  const { register = Deno.test, prefix = "check/", secrets } = options;
  for (const check of blobStoreChecks) {
    register(`${name}: ${check.name}`, async () => {
      const place = await makePlace();
      try {
        await runBlobStoreCheck(check, place, prefix, secrets);
      } finally {
        await place.remove?.();
      }
    });
  }
}

/**
 * Runs one check. True if it ran, false if the store does not claim to be able
 * to do what it is about. Rejects with a `ConformanceError` if the store does
 * not keep its promise, or with the store's own error.
 */
export async function runBlobStoreCheck(
  check: BlobStoreCheck,
  place: StorePlace,
  prefix: string,
  secrets: readonly string[] = [],
): Promise<boolean> {
  const store = await place.open();
  try {
    if (check.needs?.(store.capabilities, store) === false) return false;
    await check.run({ store, prefix, secrets, reopen: () => place.open() });
    return true;
  } finally {
    await store.close();
  }
}
