/**
 * Addresses of network cards as people write them.
 *
 * @module
 */

/** Six bytes as `00:11:22:33:44:55`. */
export function formatMac(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join(
    ":",
  );
}

/** The six bytes of `00:11:22:33:44:55`, which must have this form. */
export function macBytes(text: string): Uint8Array {
  return Uint8Array.from(text.split(":"), (part) => parseInt(part, 16));
}
