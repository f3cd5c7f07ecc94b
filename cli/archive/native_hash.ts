/**
 * BLAKE3 in native code, where it loads.
 *
 * It is asked for text and not for bytes, which would come in memory of their
 * own: that costs V8 more than to hash a block (4 KiB in 1.6 us instead of 3.3,
 * its collector's work included, 2026-11).
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import { BlockKind, SCORE_LENGTH } from "../../cas/block_store.ts";
import {
  type Hasher,
  type HashStream,
  isBlockKind,
  scoreKey,
} from "../../cas/score.ts";

/** What the package asks for while it looks for the library of this system. */
const NEEDS = ["ffi", "read", "env", "sys"] as const;

/** Digits of base64 that a score takes. */
const DIGIT_COUNT = 43;
/** The value of each digit of base64, of either alphabet, by its character code. */
const DIGIT_VALUES: Uint8Array = new Uint8Array(128);
for (
  const digits of [
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
  ]
) {
  for (let value = 0; value < digits.length; value++) {
    DIGIT_VALUES[digits.charCodeAt(value)] = value;
  }
}

/** A hasher in native code; undefined where it does not load, or does not agree with `oracle`. */
export async function loadNativeHasher(
  oracle: Hasher,
): Promise<Hasher | undefined> {
  for (const name of NEEDS) {
    const { state } = Deno.permissions.querySync({ name });
    if (state !== "granted") return undefined;
  }
  try {
    const hasher = await nativeHasher();
    return agree(hasher, oracle) ? hasher : undefined;
  } catch {
    return undefined;
  }
}

async function nativeHasher(): Promise<Hasher> {
  const { blake3UrlSafeBase64, Blake3Hasher } = await import(
    "@napi-rs/blake-hash"
  );
  const byKind = new Map<number, InstanceType<typeof Blake3Hasher>>();
  for (let kind = 1; kind <= BlockKind.Root; kind++) {
    if (!isBlockKind(kind)) continue;
    const key = scoreKey(kind) as Buffer;
    byKind.set(kind, Blake3Hasher.newKeyed(key));
  }
  const shared = new Uint8Array(BLOCK_SIZE);
  return {
    name: "@napi-rs/blake-hash",
    score(kind, block, target, offset = 0): void {
      const input = ownMemory(block, shared);
      if (kind === BlockKind.Data) {
        decodeDigits(blake3UrlSafeBase64(input), target, offset);
        return;
      }
      const keyed = byKind.get(kind);
      if (keyed === undefined) {
        throw new RangeError(
          `Cannot score a block of kind ${kind}: no such kind`,
        );
      }
      keyed.reset();
      decodeDigits(keyed.update(input).digest("base64"), target, offset);
    },
    hash(bytes): Uint8Array {
      const hash = new Uint8Array(SCORE_LENGTH);
      decodeDigits(blake3UrlSafeBase64(ownMemory(bytes, shared)), hash, 0);
      return hash;
    },
    begin(): Promise<HashStream> {
      const stream = new Blake3Hasher();
      return Promise.resolve({
        update: (bytes) => void stream.update(ownMemory(bytes, shared)),
        digest(): Uint8Array {
          const hash = new Uint8Array(SCORE_LENGTH);
          decodeDigits(stream.digest("base64"), hash, 0);
          return hash;
        },
      });
    },
  };
}

/** True if both give the same of a part of an array, plainly and with a key. */
function agree(left: Hasher, right: Hasher): boolean {
  const block = Uint8Array.from({ length: BLOCK_SIZE + 1 }, (_, i) => i % 251)
    .subarray(1);
  return [BlockKind.Data, BlockKind.Root].every((kind) => {
    const scores = [left, right].map((hasher) => {
      const score = new Uint8Array(SCORE_LENGTH);
      hasher.score(kind, block, score);
      return score.toHex();
    });
    return scores[0] === scores[1];
  });
}

/** `bytes`, or a copy of them when they lie in shared memory: native code must not read what another thread may write. */
function ownMemory(
  bytes: Uint8Array,
  scratch: Uint8Array<ArrayBuffer>,
): Buffer {
  // The package takes any array of bytes, though it says otherwise.
  if (bytes.buffer instanceof ArrayBuffer) return bytes as Buffer;
  if (bytes.length !== scratch.length) return new Uint8Array(bytes) as Buffer;
  scratch.set(bytes);
  return scratch as Buffer;
}

/** Writes the 32 bytes of a hash from its digits; in a third of the time of `Uint8Array.setFromBase64`. */
function decodeDigits(text: string, target: Uint8Array, offset: number): void {
  let at = offset;
  for (let digit = 0; digit < DIGIT_COUNT - 3; digit += 4) {
    const word = digitAt(text, digit) << 18 | digitAt(text, digit + 1) << 12 |
      digitAt(text, digit + 2) << 6 | digitAt(text, digit + 3);
    target[at++] = word >> 16;
    target[at++] = word >> 8;
    target[at++] = word;
  }
  // 43 digits are 32 bytes and two bits.
  const last = digitAt(text, DIGIT_COUNT - 3) << 12 |
    digitAt(text, DIGIT_COUNT - 2) << 6 | digitAt(text, DIGIT_COUNT - 1);
  target[at++] = last >> 10;
  target[at] = last >> 2;
}

function digitAt(text: string, place: number): number {
  return DIGIT_VALUES[text.charCodeAt(place)]!;
}
