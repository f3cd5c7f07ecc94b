/**
 * The operations of the engine on small blobs, each retried: read one, create
 * one exactly once, list some.
 *
 * @module
 */

import { blobErrorCode } from "../../blobstores/blob_store.ts";
import { equalBytes } from "../bytes.ts";
import type { EngineContext } from "./context.ts";

/**
 * Reads a whole blob; undefined where there is none. Where the store has
 * several copies, `accept` tells whether one will do.
 */
export async function readBlob(
  context: EngineContext,
  key: string,
  accept?: (bytes: Uint8Array) => boolean,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const { store, retry } = context;
  try {
    return await retry.run(
      `read "${key}" from ${store.display}`,
      () => store.get(key, accept === undefined ? {} : { accept }),
    );
  } catch (error) {
    if (blobErrorCode(error) === "NotFound") return undefined;
    throw error;
  }
}

/**
 * Creates a blob. Gives undefined when it is there now with these bytes (also
 * when an earlier attempt, whose answer was lost, had put them), and the bytes of
 * the other blob when the key was taken.
 */
export async function createBlob(
  context: EngineContext,
  key: string,
  body: Uint8Array,
): Promise<Uint8Array | undefined> {
  const { store, retry } = context;
  for (;;) {
    try {
      await retry.run(
        `write "${key}" to ${store.display}`,
        () => store.put(key, body, { ifAbsent: true }),
      );
      return undefined;
    } catch (error) {
      if (blobErrorCode(error) !== "AlreadyExists") throw error;
      const existing = await readBlob(context, key);
      if (existing === undefined) continue;
      return equalBytes(existing, body) ? undefined : existing;
    }
  }
}

/** The keys below a prefix, ascending. */
export function listKeys(
  { store, retry }: EngineContext,
  prefix: string,
): Promise<string[]> {
  return retry.run(
    `list "${prefix}" in ${store.display}`,
    async () =>
      (await Array.fromAsync(store.list(prefix))).map(({ key }) => key),
  );
}
