/**
 * Root blobs in the store: which volumes there are, the newest root of each, any
 * root by its place or by its hash.
 *
 * A root that is damaged is an error that names it. An older one is never taken
 * in its stead: it would be served as the volume's present state.
 *
 * @module
 */

import { ArchiveError } from "../errors.ts";
import type { Hasher } from "../score.ts";
import { readBlob } from "./blobs.ts";
import type { EngineContext } from "./context.ts";
import {
  behindRootsOf,
  parseRootKey,
  rootKey,
  ROOTS_PREFIX,
  rootsPrefix,
} from "./names.ts";
import { decodeRootBlob, type PublishedRoot } from "./root_blob.ts";

/** Ids of the volumes in the store, without listing all of their roots. */
export async function listVolumeIds(context: EngineContext): Promise<string[]> {
  const ids: string[] = [];
  let startAfter: string | undefined;
  for (;;) {
    const id = await firstVolumeBehind(context, startAfter);
    if (id === undefined) return ids;
    ids.push(id);
    startAfter = behindRootsOf(id);
  }
}

function firstVolumeBehind(
  context: EngineContext,
  startAfter: string | undefined,
): Promise<string | undefined> {
  const { store, retry } = context;
  const options = startAfter === undefined ? {} : { startAfter };
  return retry.run(`list "${ROOTS_PREFIX}" in ${store.display}`, async () => {
    for await (const { key } of store.list(ROOTS_PREFIX, options)) {
      const place = parseRootKey(key);
      if (place !== undefined) return place.volumeId;
    }
    return undefined;
  });
}

/**
 * Sequence of a volume's newest root. With a hint only the roots from it on are
 * listed; a hint that names no root is not believed.
 */
export async function newestSequence(
  context: EngineContext,
  volumeId: string,
  hint?: number,
): Promise<number | undefined> {
  if (hint !== undefined && hint > 0) {
    const startAfter = rootKey(volumeId, hint - 1);
    const sequences = await listSequences(context, volumeId, startAfter);
    if (sequences[0] === hint) return sequences.at(-1);
  }
  return (await listSequences(context, volumeId)).at(-1);
}

/** Sequences of a volume's roots, ascending, behind a key if one is given. */
export function listSequences(
  context: EngineContext,
  volumeId: string,
  startAfter?: string,
): Promise<number[]> {
  const { store, retry } = context;
  const prefix = rootsPrefix(volumeId);
  const options = startAfter === undefined ? {} : { startAfter };
  return retry.run(`list "${prefix}" in ${store.display}`, async () => {
    const sequences: number[] = [];
    for await (const { key } of store.list(prefix, options)) {
      const place = parseRootKey(key);
      if (place !== undefined) sequences.push(place.sequence);
    }
    return sequences;
  });
}

/** Reads and verifies a root. Rejects with `Damaged`, naming the blob. */
export async function readRoot(
  context: EngineContext,
  volumeId: string,
  sequence: number,
): Promise<PublishedRoot> {
  const key = rootKey(volumeId, sequence);
  const bytes = await readBlob(
    context,
    key,
    (copy) => isRootBlob(copy, context.hasher),
  );
  if (bytes === undefined) throw damagedRoot(context, key, "it is missing");
  let root: PublishedRoot;
  try {
    root = decodeRootBlob(bytes, context.hasher);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw damagedRoot(context, key, error.message);
  }
  const { record } = root;
  if (record.volumeId !== volumeId || record.sequence !== sequence) {
    const other = rootKey(record.volumeId, record.sequence);
    throw damagedRoot(context, key, `it belongs to "${other}"`);
  }
  return root;
}

function isRootBlob(bytes: Uint8Array, hasher: Hasher): boolean {
  try {
    decodeRootBlob(bytes, hasher);
    return true;
  } catch {
    return false;
  }
}

/** Looks through every root of the archive for one of this hash. */
export async function findRootByHash(
  context: EngineContext,
  hash: string,
): Promise<PublishedRoot | undefined> {
  for (const volumeId of await listVolumeIds(context)) {
    for (const sequence of await listSequences(context, volumeId)) {
      const root = await readRoot(context, volumeId, sequence).catch(
        (error: unknown) => {
          if (error instanceof ArchiveError) return undefined;
          throw error;
        },
      );
      if (root?.hash === hash) return root;
    }
  }
  return undefined;
}

function damagedRoot(
  context: EngineContext,
  key: string,
  reason: string,
): ArchiveError {
  return new ArchiveError(
    "Damaged",
    `The root "${key}" in ${context.store.display} is damaged: ${reason}; give it back with "repair --from URL", URL being a copy of the store, or serve an older state by its root hash or a snapshot`,
  );
}
