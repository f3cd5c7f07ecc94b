/**
 * How a folder holds a store:
 *
 * ```
 * <root>/<key>     a blob: the parts of its key are folders and a file
 * <root>/tmp/…     drafts: blobs that are being written
 * <root>/lock      locked by the process that holds the store
 * <root>/local/…   no part of the store: a server may keep its state here
 * ```
 *
 * A draft's name is `<writer>.<number>.<key>` with `+`, which no key has, for
 * every `/`. So whoever finds a draft knows which blob it was to become.
 *
 * @module
 */

import { BlobError } from "./blob_store.ts";
import { checkKey, keyFault } from "./operation.ts";

/** The folder of drafts. */
export const DRAFT_FOLDER = "tmp";

/** The file that is locked by a hold. */
export const LOCK_FILE = "lock";

/** The folder that a server may keep its local state in. */
export const STATE_FOLDER = "local";

const RESERVED: ReadonlySet<string> = new Set([
  DRAFT_FOLDER,
  LOCK_FILE,
  STATE_FOLDER,
]);

/** True for a name in the store's root that is not a blob, nor a folder of blobs. */
export function isReserved(name: string): boolean {
  return RESERVED.has(name);
}

/** Throws `InvalidKey` unless a folder can hold a blob under `key`. */
export function checkFileKey(key: string): void {
  checkKey(key);
  const first = firstPart(key);
  if (!isReserved(first)) return;
  throw new BlobError(
    `Cannot use "${key}" as a blob key: a file store keeps "${first}" for ` +
      `itself`,
    { code: "InvalidKey" },
  );
}

/** The part of a key, or of the beginning of one, before its first `/`. */
export function firstPart(key: string): string {
  return key.split("/", 1)[0] ?? "";
}

/** The folder of a key, without a `/` at its end; "" for the store's root. */
export function folderOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf("/")));
}

/** The path of a key or of a folder of keys. */
export function pathOf(root: string, key: string): string {
  if (key === "") return root;
  return root.endsWith("/") ? root + key : `${root}/${key}`;
}

/** Names the draft of a key. `writer` has no dot. */
export function draftName(
  writer: string,
  sequence: number,
  key: string,
): string {
  return `${writer}.${sequence}.${key.replaceAll("/", "+")}`;
}

/** The key that a draft was to become; null for a name that is no draft's. */
export function keyOfDraft(name: string): string | null {
  const match = /^[a-z0-9]+\.[0-9]+\.(.+)$/.exec(name);
  const key = match?.[1]?.replaceAll("+", "/");
  return key === undefined || keyFault(key) !== null ? null : key;
}
