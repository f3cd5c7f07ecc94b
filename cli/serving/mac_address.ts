/**
 * Addresses of network cards as people write them.
 *
 * @module
 */

/** The six bytes of `00:11:22:33:44:55`, which must have this form. */
export function macBytes(text: string): Uint8Array {
  return Uint8Array.from(text.split(":"), (part) => parseInt(part, 16));
}
