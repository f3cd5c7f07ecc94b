/**
 * Makes the table of a filter: tries one seed after the other, in memory that
 * is lent for the time of it.
 *
 * @module
 */

import {
  fillFuse,
  type FingerprintBits,
  FUSE_KEY_WORDS,
  fuseLayout,
  type FuseTable,
  packFuse,
  slotCount,
  tableBytes,
} from "./fuse_table.ts";
import type { WordPool } from "./word_pool.ts";

/** Seeds tried: about one in forty does not fit, so that all of them happens to nobody by chance. */
const ATTEMPTS = 32;
/** After so many, keys may be what does not fit: two that are the same. */
const ATTEMPTS_TO_DOUBLES = 2;
/** Words for a table of usual size: all alike, so that what one gave up suits any other, and nothing is left between them. */
const ROOM_WORDS = 67 * 256;
/** Words to make a large table in; the same for all but small ones, for the last tables of runs would leave a pool full of odd pieces. */
const SCRATCH_WORDS = 330_000;
const SCRATCH_WORDS_MIN: number = SCRATCH_WORDS / 8;
const SEED_STEP = 0x1e3779b9;
/** Words of the keys that seeds come from. */
const SEED_WORDS = 1024;

/** How to make a table. */
export interface FuseBuild {
  /** Bits of a slot. */
  readonly bits: FingerprintBits;
  /** Lends the memory; the table's is the caller's, to be released by `releaseTable`. */
  readonly pool: WordPool;
  /** What to try: chosen by the keys when absent, so that nobody who makes up blocks can know them. */
  readonly seeds?: readonly number[];
}

/**
 * The table of the `count` keys in `keys`, `FUSE_KEY_WORDS` each, which may
 * change places. Undefined if they fit with no seed.
 */
export function buildFuse(
  keys: Uint32Array<ArrayBuffer>,
  count: number,
  build: FuseBuild,
): FuseTable | undefined {
  const { bits, pool } = build;
  const layout = fuseLayout(count);
  const slots = slotCount(layout);
  const fingerprintWords = Math.ceil(slots / 2);
  const words = takeScratch(
    fingerprintWords + 2 * slots + 1 + 2 * count,
    pool,
  );
  let taken = 0;
  const take = (length: number): Uint32Array<ArrayBuffer> =>
    words.subarray(taken, taken += length);
  const scratch = {
    // Twice as many as words, rounded up.
    fingerprints: halvesOf(take(fingerprintWords)).subarray(0, slots),
    slots: take(slots),
    lone: take(slots + 1),
    takenKeys: take(count),
    takenSlots: take(count),
  };
  const seeds = build.seeds ?? seedsOf(keys, count);
  try {
    let keyCount = count;
    for (const [attempt, seed] of seeds.entries()) {
      if (attempt === ATTEMPTS_TO_DOUBLES) keyCount = dropDoubles(keys, count);
      const shape = { ...layout, bits, seed };
      if (!fillFuse(keys, keyCount, shape, scratch)) continue;
      const bytes = takeTableBytes(tableBytes(layout, bits), pool);
      packFuse(scratch.fingerprints, slots, bits, bytes);
      return { ...layout, bytes, bits, seed };
    }
    return undefined;
  } finally {
    pool.release(words);
  }
}

/** Memory for a table of so many bytes. */
export function takeTableBytes(
  length: number,
  pool: WordPool,
): Uint8Array<ArrayBuffer> {
  const words = Math.ceil(length / 4);
  const isUsual = words <= ROOM_WORDS && words > ROOM_WORDS / 2;
  const room = pool.take(isUsual ? ROOM_WORDS : words);
  return new Uint8Array(room.buffer, 0, length);
}

/** Gives the memory of a table back. */
export function releaseTable(
  bytes: Uint8Array<ArrayBuffer>,
  pool: WordPool,
): void {
  pool.release(new Uint32Array(bytes.buffer));
}

function takeScratch(
  length: number,
  pool: WordPool,
): Uint32Array<ArrayBuffer> {
  const isUsual = length > SCRATCH_WORDS_MIN && length < SCRATCH_WORDS;
  return pool.take(isUsual ? SCRATCH_WORDS : length);
}

function halvesOf(words: Uint32Array<ArrayBuffer>): Uint16Array {
  return new Uint16Array(words.buffer, words.byteOffset, 2 * words.length);
}

/** The same for the same keys. */
function seedsOf(keys: Uint32Array, count: number): readonly number[] {
  const length = Math.min(count * FUSE_KEY_WORDS, SEED_WORDS);
  let sum = 0;
  for (let at = 0; at < length; at++) sum ^= keys[at] as number;
  return Array.from(
    { length: ATTEMPTS },
    (_, attempt) => (sum + attempt * SEED_STEP) >>> 0,
  );
}

/** Leaves one of each key; how many there are then. */
function dropDoubles(keys: Uint32Array<ArrayBuffer>, count: number): number {
  const length = count * FUSE_KEY_WORDS;
  new BigUint64Array(keys.buffer, keys.byteOffset, count).sort();
  let kept = FUSE_KEY_WORDS;
  for (let at = FUSE_KEY_WORDS; at < length; at += FUSE_KEY_WORDS) {
    const isSame = keys[at] === keys[kept - FUSE_KEY_WORDS] &&
      keys[at + 1] === keys[kept - FUSE_KEY_WORDS + 1];
    if (isSame) continue;
    keys[kept++] = keys[at] as number;
    keys[kept++] = keys[at + 1] as number;
  }
  return Math.min(count, kept / FUSE_KEY_WORDS);
}
