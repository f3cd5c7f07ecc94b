/**
 * Small operations on scores and blocks.
 *
 * @module
 */

import { SCORE_LENGTH } from "./block_store.ts";
import { KEY_LENGTH } from "./index/entry.ts";

/** The bytes of lower-case hexadecimal digits; throws a RangeError for anything else. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) {
    throw new RangeError(`Cannot read "${text}" as hexadecimal digits`);
  }
  return Uint8Array.fromHex(text);
}

/** Bytes looked at one by one: data mostly shows itself there. */
const ZERO_LOOK_LENGTH = 16;

/** True when `length` bytes from `offset` are zero. */
export function isZero(
  bytes: Uint8Array,
  offset = 0,
  length: number = bytes.length - offset,
): boolean {
  const end = offset + length;
  let index = offset;
  for (const look = Math.min(end, offset + ZERO_LOOK_LENGTH); index < look;) {
    if (bytes[index++] !== 0) return false;
  }
  const start = bytes.byteOffset + index;
  if (start % 4 === 0 && end > index) {
    const words = new Uint32Array(bytes.buffer, start, (end - index) >>> 2);
    for (let word = 0; word < words.length; word++) {
      if (words[word] !== 0) return false;
    }
    index += words.length * 4;
  }
  for (; index < end; index++) {
    if (bytes[index] !== 0) return false;
  }
  return true;
}

/** True when both have the same bytes. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) {
    if (left[index] !== right[index]) return false;
  }
  return true;
}

/** The `index`-th of scores that lie one after the other: a view, not a copy. */
export function scoreAt<Buffer extends ArrayBufferLike>(
  scores: Uint8Array<Buffer>,
  index: number,
): Uint8Array<Buffer> {
  return scores.subarray(index * SCORE_LENGTH, (index + 1) * SCORE_LENGTH);
}

/** True when the `index`-th score is null: everything below it is zeros. */
export function isNullAt(scores: Uint8Array, index: number): boolean {
  return isZero(scores, index * SCORE_LENGTH, SCORE_LENGTH);
}

/** Those of scores that lie one after the other, in the order of `indexes`. */
export function gatherScores(
  scores: Uint8Array,
  indexes: readonly number[],
): Uint8Array<ArrayBuffer> {
  const some = new Uint8Array(indexes.length * SCORE_LENGTH);
  indexes.forEach((index, place) =>
    some.set(scoreAt(scores, index), place * SCORE_LENGTH)
  );
  return some;
}

/** Keys, the first 20 bytes of scores, each in the place of a score, with zeros behind it. */
export function scoresOfKeys(keys: Uint8Array): Uint8Array<ArrayBuffer> {
  const count = keys.length / KEY_LENGTH;
  const scores = new Uint8Array(count * SCORE_LENGTH);
  for (let i = 0; i < count; i++) {
    const key = keys.subarray(i * KEY_LENGTH, (i + 1) * KEY_LENGTH);
    scores.set(key, i * SCORE_LENGTH);
  }
  return scores;
}
