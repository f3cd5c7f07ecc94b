/**
 * Chance that can be repeated.
 *
 * @module
 */

/** Numbers from 0 up to 1 that depend on the seed only (a 32-bit xorshift). */
export function seededRandom(seed: number): () => number {
  let state = (seed * 2654435761 >>> 0) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

/** A whole number from `min` to `max`. */
export function randomInteger(
  random: () => number,
  min: number,
  max: number,
): number {
  return min + Math.floor(random() * (max - min + 1));
}

export function randomBytes(random: () => number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => randomInteger(random, 0, 255));
}
