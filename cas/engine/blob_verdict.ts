/**
 * Whether a small blob is as it was stored: roots by their checksum, all others
 * by their seal, and each by what its key says of it.
 *
 * @module
 */

import type { Hasher } from "../score.ts";
import {
  FORMAT_KEY,
  nameKey,
  NAMES_PREFIX,
  parseRootKey,
  rootKey,
} from "./names.ts";
import { decodeRootBlob, type PublishedRoot } from "./root_blob.ts";
import { decodeSealedText } from "./sealed_text.ts";

const SEALED_KEY = /^(answers|calls|epoch|left|names|retired)\//;

/** Whether blobs of this key, packs apart, are an archive's, so that they can be judged. */
export function isJudged(key: string): boolean {
  return key === FORMAT_KEY || SEALED_KEY.test(key) ||
    parseRootKey(key) !== undefined;
}

/** What is wrong with the blob of this key, as half a sentence; undefined when it is sound. No packs. */
export function faultOfBlob(
  key: string,
  bytes: Uint8Array,
  hasher: Hasher,
): string | undefined {
  if (parseRootKey(key) !== undefined) {
    const root = rootOfBlob(key, bytes, hasher);
    return typeof root === "string" ? root : undefined;
  }
  if (key !== FORMAT_KEY && !SEALED_KEY.test(key)) {
    return "no blob of an archive has such a key";
  }
  const fields = decodeSealedText(bytes, hasher);
  if (fields === undefined) return "its seal does not fit its text";
  if (!key.startsWith(NAMES_PREFIX)) return undefined;
  const named = nameKey(String(fields.volumeId), String(fields.name));
  return named === key ? undefined : `it belongs to "${named}"`;
}

/** The root in a blob; as a string, half a sentence of what is wrong with it. */
export function rootOfBlob(
  key: string,
  bytes: Uint8Array,
  hasher: Hasher,
): PublishedRoot | string {
  try {
    const root = decodeRootBlob(bytes, hasher);
    const named = rootKey(root.record.volumeId, root.record.sequence);
    return named === key ? root : `it belongs to "${named}"`;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}
