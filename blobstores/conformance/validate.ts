/**
 * Runs the conformance suite against a live service, in a part of it that is
 * empty, and says how fast the service is. It cleans up after itself where the
 * store can delete.
 *
 * @module
 */

import { type BlobStore, type Capabilities } from "../blob_store.ts";
import type { BlobStoreCheck } from "./check.ts";
import { measureStore, type ThroughputReport } from "./throughput.ts";

/** What came of one check. */
export interface CheckOutcome {
  /** The promise, as a sentence. */
  readonly name: string;
  /** `skipped`: the store does not claim to be able to. */
  readonly outcome: "kept" | "broken" | "skipped";
  /** What was found instead, or why it was skipped. */
  readonly found?: string;
  /** How long it took. */
  readonly durationMs: number;
}

/** What came of all. Plain JSON. */
export interface ValidationReport {
  /** The store's URL without secrets. */
  readonly display: string;
  /** What it says of itself. */
  readonly capabilities: Capabilities;
  /** Every check, in order. */
  readonly checks: readonly CheckOutcome[];
  /** How fast it is; absent where it could not be measured. */
  readonly throughput?: ThroughputReport;
  /** Keys that begin so were left behind; absent when all are gone. */
  readonly leftBehind?: string;
}

/** What to validate. */
export interface ValidateOptions {
  /** Opens the store again at each call, as another server would. */
  readonly open: () => Promise<BlobStore>;
  /** What all keys begin with: nothing is there yet; ends with "/". */
  readonly prefix: string;
  /** The promises to check. */
  readonly checks: readonly BlobStoreCheck[];
  /** Texts that no message may show. */
  readonly secrets: readonly string[];
  /** Time in milliseconds. */
  readonly nowMs: () => number;
  /** Told of each check when it is over. */
  readonly onCheck?: (outcome: CheckOutcome) => void;
}

/** Validates a store. Rejects if it cannot be opened. */
export async function validateStore(
  options: ValidateOptions,
): Promise<ValidationReport> {
  const { open, prefix } = options;
  const store = await open();
  try {
    const checks = await runChecks(store, options);
    const { display, capabilities } = store;
    const throughput = checks.some(({ outcome }) => outcome === "kept")
      ? await measureStore(store, {
        prefix: `${prefix}speed/`,
        nowMs: options.nowMs,
      }).catch(() => undefined)
      : undefined;
    return {
      display,
      capabilities,
      checks,
      ...(throughput === undefined ? {} : { throughput }),
      ...(await tidy(store, prefix) ? {} : { leftBehind: prefix }),
    };
  } finally {
    await store.close();
  }
}

async function runChecks(
  store: BlobStore,
  { open, prefix, checks, secrets, nowMs, onCheck }: ValidateOptions,
): Promise<CheckOutcome[]> {
  const outcomes: CheckOutcome[] = [];
  const isHeld = await heldByOther(store);
  for (const [index, check] of checks.entries()) {
    const startMs = nowMs();
    const result = await runCheck(check, {
      store,
      prefix: `${prefix}${index}/`,
      secrets,
      reopen: open,
    }, isHeld);
    const durationMs = Math.round(nowMs() - startMs);
    const outcome = { name: check.name, ...result, durationMs };
    outcomes.push(outcome);
    onCheck?.(outcome);
  }
  return outcomes;
}

async function runCheck(
  check: BlobStoreCheck,
  context: Parameters<BlobStoreCheck["run"]>[0],
  isHeld: boolean,
): Promise<Pick<CheckOutcome, "outcome" | "found">> {
  const { store } = context;
  if (check.needs?.(store.capabilities, store) === false) {
    return { outcome: "skipped", found: "the store does not claim it" };
  }
  if (check.takesHold === true && isHeld) {
    return { outcome: "skipped", found: "a running server holds the store" };
  }
  try {
    await check.run(context);
    return { outcome: "kept" };
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return { outcome: "broken", found };
  }
}

/** True if another process has the store, so that holds cannot be tried. */
async function heldByOther(store: BlobStore): Promise<boolean> {
  try {
    const hold = await store.hold?.();
    await hold?.release();
    return hold === null;
  } catch {
    // The checks of holds tell what is wrong.
    return false;
  }
}

/** Deletes all below the prefix; false if something may be left. */
async function tidy(store: BlobStore, prefix: string): Promise<boolean> {
  const { delete: remove } = store;
  if (remove === undefined) return false;
  try {
    const keys: string[] = [];
    for await (const { key } of store.list(prefix)) {
      // A broken store may list what is somebody's archive.
      if (!key.startsWith(prefix)) return false;
      keys.push(key);
    }
    const rest = keys.values();
    const work = async (): Promise<void> => {
      for (const key of rest) await remove.call(store, key);
    };
    const { concurrencyMax } = store.capabilities;
    const workers = Math.max(1, Math.min(16, concurrencyMax));
    await Promise.all(Array.from({ length: workers }, work));
    for await (const _ of store.list(prefix)) return false;
    return true;
  } catch {
    return false;
  }
}
