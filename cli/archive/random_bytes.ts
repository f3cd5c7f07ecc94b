/**
 * The system's randomness, for what takes it from outside.
 *
 * @module
 */

/** So many random bytes, the caller's own. */
export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}
