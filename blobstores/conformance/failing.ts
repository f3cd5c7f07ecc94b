/**
 * Checks of what a store makes of a service that fails: the class of each fault,
 * whether it may pass, and that nothing half arrives.
 *
 * @module
 */

import { type BlobErrorCode, type BlobStore } from "../blob_store.ts";
import {
  bytesOf,
  ConformanceError,
  expect,
  expectBytes,
  expectCode,
  keysOf,
} from "./check.ts";
import { FaultProxy, type ProxyFault } from "./fault_proxy.ts";

/** A service that speaks HTTP, behind a proxy that can be made to fail. */
export interface FailingPlace {
  /** The service's `HOST:PORT`. */
  readonly upstream: string;
  /** Opens a store there, which speaks to this `HOST:PORT` instead. */
  open(host: string): Promise<BlobStore>;
}

/** What a check of faults works with. */
export interface FaultContext {
  /** The store, opened while all was well. */
  readonly store: BlobStore;
  /** What is between it and its service. */
  readonly proxy: FaultProxy;
  /** All keys begin so. */
  readonly prefix: string;
}

/** One fault, and what a store must make of it. */
export interface FaultCheck {
  /** The fault and the promise, as a sentence. */
  readonly name: string;
  /** Rejects with a `ConformanceError` if the store does something else. */
  run(context: FaultContext): Promise<void>;
}

interface Expected {
  readonly codes: readonly BlobErrorCode[];
  readonly retryAfterMs?: number;
}

const NO_FAULT: ProxyFault = { kind: "none" };
const WRITING: readonly string[] = ["PUT", "POST", "MOVE", "COPY"];
const BODY = bytesOf(9000, 3);

/** Every operation, while the fault lasts, fails as it should; then all is well. */
async function checkRefusals(
  { store, proxy, prefix }: FaultContext,
  fault: ProxyFault,
  expected: Expected,
): Promise<void> {
  const key = `${prefix}blob`;
  await store.put(key, BODY);
  const range = { offset: 100, length: 50 };
  const operations: [string, () => Promise<unknown>][] = [
    ["get", () => store.get(key)],
    ["get of a range", () => store.get(key, { range })],
    ["head", () => store.head(key)],
    ["list", () => keysOf(store, prefix)],
    ["put", () => store.put(`${prefix}other`, BODY)],
  ];
  for (const [name, operation] of operations) {
    proxy.choose = () => fault;
    await expectPassing(operation(), expected, `a ${name}`);
    proxy.choose = () => NO_FAULT;
  }
  expectBytes(await store.get(key), BODY, "the blob after the faults");
}

async function checkTruncated(context: FaultContext): Promise<void> {
  const { store, proxy, prefix } = context;
  const key = `${prefix}blob`;
  await store.put(key, BODY);
  const codes: BlobErrorCode[] = ["Unavailable", "Timeout"];
  for (const range of [undefined, { offset: 10, length: 4000 }]) {
    proxy.choose = (method) =>
      method === "GET" ? { kind: "truncate" } : NO_FAULT;
    const options = range === undefined ? {} : { range };
    await expectPassing(
      store.get(key, options),
      { codes },
      `a get of ${range === undefined ? "a blob" : "a range"} that breaks off`,
    );
    proxy.choose = () => NO_FAULT;
  }
  proxy.choose = () => ({ kind: "truncate" });
  await expectPassing(
    keysOf(store, prefix),
    { codes },
    "a listing that breaks off",
  );
  proxy.choose = () => NO_FAULT;
}

/** An outcome that nobody knows must not pass for one that is known. */
async function checkLostAnswers(context: FaultContext): Promise<void> {
  const { store, proxy, prefix } = context;
  // A put may be several requests: each answer is lost in turn.
  for (let skipped = 0;; skipped++) {
    const key = `${prefix}blob-${skipped}`;
    let left = skipped;
    let isLost = false;
    proxy.choose = (method) => {
      if (isLost || !WRITING.includes(method) || left-- > 0) return NO_FAULT;
      isLost = true;
      return { kind: "lose answer" };
    };
    const ifAbsent = store.capabilities.createExclusive;
    const put = store.put(key, BODY, { ifAbsent });
    await put.then(() => undefined, () => undefined);
    proxy.choose = () => NO_FAULT;
    if (!isLost) return await put;
    await expectPassing(
      put,
      { codes: ["Unavailable", "Timeout"] },
      "a put whose answer is lost",
    );
    await checkUnknownPut(store, key, ifAbsent);
  }
}

/** It may have happened, whole, or not at all. */
async function checkUnknownPut(
  store: BlobStore,
  key: string,
  ifAbsent: boolean,
): Promise<void> {
  if (await store.head(key) === null) {
    return await store.put(key, BODY, { ifAbsent });
  }
  expectBytes(await store.get(key), BODY, "the blob whose answer was lost");
  if (!ifAbsent) return;
  await expectCode(
    store.put(key, bytesOf(10, 4), { ifAbsent }),
    "AlreadyExists",
    "creating a blob whose answer was lost once more",
  );
}

async function expectPassing(
  operation: Promise<unknown>,
  { codes, retryAfterMs }: Expected,
  what: string,
): Promise<void> {
  const error = await operation.then(
    () => {
      throw new ConformanceError(`${what} succeeded all the same`);
    },
    (error: unknown) => error,
  );
  if (error instanceof ConformanceError) throw error;
  const found = (error ?? {}) as Record<string, unknown>;
  const wanted = codes.join(" or ");
  expect(
    codes.some((code) => code === found.code),
    `${what} should fail with ${wanted}: it failed with ${found.code}`,
  );
  expect(found.retryable === true, `${what} fails for good: not retryable`);
  if (retryAfterMs === undefined) return;
  expect(
    found.retryAfterMs === retryAfterMs,
    `${what} forgets how long to wait: retryAfterMs is ${found.retryAfterMs}, ` +
      `not ${retryAfterMs}`,
  );
}

/** Checks of faults. */
export const faultChecks: readonly FaultCheck[] = [
  {
    name: "429 with a time is RateLimited, for that time",
    run: (context) =>
      checkRefusals(
        context,
        { kind: "answer", status: 429, headers: { "Retry-After": "7" } },
        { codes: ["RateLimited"], retryAfterMs: 7000 },
      ),
  },
  {
    name: "503 passes",
    run: (context) =>
      checkRefusals(
        context,
        { kind: "answer", status: 503 },
        { codes: ["Unavailable", "RateLimited"] },
      ),
  },
  {
    name: "a connection that is reset passes",
    run: (context) =>
      checkRefusals(
        context,
        { kind: "reset" },
        { codes: ["Unavailable", "Timeout"] },
      ),
  },
  { name: "an answer that breaks off is no answer", run: checkTruncated },
  { name: "a put whose answer is lost is not known", run: checkLostAnswers },
];

/** Runs one check of faults. */
export async function runFaultCheck(
  check: FaultCheck,
  place: FailingPlace,
  prefix: string,
): Promise<void> {
  await using proxy = new FaultProxy(place.upstream);
  const store = await place.open(proxy.host);
  try {
    await check.run({ store, proxy, prefix });
  } finally {
    await store.close();
  }
}

/** Options of `testBlobStoreFaults`. */
export interface TestFaultsOptions {
  /** Registers a test; `Deno.test` when absent. */
  readonly register?: (name: string, run: () => Promise<void>) => void;
}

/** Registers one test for each fault; `place` is asked when a test runs. */
export function testBlobStoreFaults(
  name: string,
  place: () => FailingPlace,
  options: TestFaultsOptions = {},
): void {
  const { register = Deno.test } = options;
  for (const [index, check] of faultChecks.entries()) {
    register(
      `${name}: ${check.name}`,
      () => runFaultCheck(check, place(), `faults/${index}/`),
    );
  }
}
