/**
 * Checks of what errors tell: classes that programs know them by, words for the
 * operator, and no secrets.
 *
 * @module
 */

import { BLOB_ERROR_CODES, type BlobStore } from "../blob_store.ts";
import {
  type BlobStoreCheck,
  bytesOf,
  type CheckContext,
  expect,
  keysOf,
} from "./check.ts";

/** Everything that an error shows to whoever looks closely. */
const EVERYTHING = { depth: 20, showHidden: true, strAbbreviateSize: 1 << 20 };

/** What a store says when asked for what cannot be. */
async function errorsOf({ store, prefix }: CheckContext): Promise<unknown[]> {
  const key = `${prefix}blob`;
  await store.put(key, bytesOf(10, 1));
  const range = { offset: 5, length: 10 };
  const signal = AbortSignal.abort();
  const attempts: Promise<unknown>[] = [
    store.get(`${prefix}missing`),
    store.get(key, { range }),
    store.get("Not/A/Key"),
    store.head(key, { signal }),
    keysOf(store, "Not/A/Key"),
    createTwice(store, key),
  ];
  const results = await Promise.allSettled(attempts);
  return results.flatMap((it) => it.status === "rejected" ? [it.reason] : []);
}

async function createTwice(store: BlobStore, key: string): Promise<void> {
  await store.put(key, bytesOf(11, 2), { ifAbsent: true });
}

async function checkErrors(context: CheckContext): Promise<void> {
  for (const error of await errorsOf(context)) {
    const { code, retryable } = (error ?? {}) as Record<string, unknown>;
    const shown = error instanceof Error ? error.message : String(error);
    expect(
      BLOB_ERROR_CODES.some((known) => known === code),
      `the error "${shown}" has the code ${JSON.stringify(code)}`,
    );
    expect(
      typeof retryable === "boolean" || retryable === undefined,
      `the error "${shown}" does not say in true or false if it is retryable`,
    );
    expect(shown !== "", `an error with the code ${code} has no message`);
  }
}

async function checkSecrets(context: CheckContext): Promise<void> {
  const { store, secrets = [] } = context;
  const shown = [
    ["its display", store.display],
    ...(await errorsOf(context)).map((error) => [
      `an error with the code ${(error as { code?: unknown })?.code}`,
      Deno.inspect(error, EVERYTHING),
    ]),
  ];
  for (const [what, text = ""] of shown) {
    const found = secrets.findIndex((secret) =>
      [secret, encodeURIComponent(secret)].some((form) => text.includes(form))
    );
    expect(found < 0, `${what} shows secret number ${found + 1}`);
  }
}

/** Checks of errors. */
export const tellingChecks: readonly BlobStoreCheck[] = [
  { name: "an error has a class and words", run: checkErrors },
  { name: "no secret is shown", run: checkSecrets },
];
