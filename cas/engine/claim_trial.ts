/**
 * Finds out whether a store keeps its word about create-if-absent, on which it
 * rests that one server at a time writes an archive. A plugin may claim it and
 * overwrite all the same; a service may change behind its proxy. So it is not
 * believed but tried, with the very claim that rests on it.
 *
 * @module
 */

import { BlobError, blobErrorCode } from "../../blobstores/blob_store.ts";
import { readBlob } from "./blobs.ts";
import { equalBytes } from "../bytes.ts";
import type { EngineContext } from "./context.ts";

/** A blob that was created a moment ago. */
export interface CreatedBlob {
  /** Its key. */
  readonly key: string;
  /** What it holds. */
  readonly body: Uint8Array;
  /** What may stand there instead if the store lies. */
  readonly other: Uint8Array;
}

/** Rejects with `Unsupported` if the blob can be created once more. */
export async function tryCreateAgain(
  context: EngineContext,
  { key, body, other }: CreatedBlob,
): Promise<void> {
  const { store, retry } = context;
  try {
    await retry.run(
      `try create-if-absent in ${store.display}`,
      () => store.put(key, other, { ifAbsent: true }),
    );
  } catch (error) {
    if (blobErrorCode(error) !== "AlreadyExists") throw error;
    const found = await readBlob(context, key);
    if (found !== undefined && equalBytes(found, body)) return;
    throw liesError(
      store.display,
      `"${key}" was refused because it exists, and changed all the same`,
    );
  }
  throw liesError(store.display, `"${key}" could be created twice`);
}

function liesError(display: string, found: string): BlobError {
  return new BlobError(
    `Cannot write the archive in ${display}: the store promises ` +
      `create-if-absent and does not keep it: ${found}. So two servers could ` +
      `write one archive, and neither would know. Serve it from here with ` +
      `--read-only, and write it to a store that passes store validate URL ` +
      `(docs/stores.md has a list)`,
    { code: "Unsupported" },
  );
}
