/**
 * Big-endian numbers in a frame (AoEr11 section 2: network byte order). Plain
 * byte arithmetic: a DataView per frame would be an allocation per frame.
 *
 * The caller has checked the length; nothing here does.
 *
 * @module
 */

/** Reads 16 bits at `offset`, most significant byte first. */
export function readUint16(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! << 8 | bytes[offset + 1]!;
}

/** Reads 32 bits at `offset`, most significant byte first, unsigned. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return (readUint16(bytes, offset) << 16 | readUint16(bytes, offset + 2)) >>>
    0;
}

/** Writes the low 16 bits of `value` at `offset`. */
export function writeUint16(
  bytes: Uint8Array,
  offset: number,
  value: number,
): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

/** Writes the low 32 bits of `value` at `offset`. */
export function writeUint32(
  bytes: Uint8Array,
  offset: number,
  value: number,
): void {
  writeUint16(bytes, offset, value >>> 16);
  writeUint16(bytes, offset + 2, value);
}

/**
 * Copies `length` bytes. A loop, because for the few bytes of a header it is
 * cheaper than `set(subarray())`, which allocates a view.
 */
export function copyBytes(
  source: Uint8Array,
  sourceOffset: number,
  target: Uint8Array,
  targetOffset: number,
  length: number,
): void {
  for (let i = 0; i < length; i++) {
    target[targetOffset + i] = source[sourceOffset + i]!;
  }
}

/** Whether `length` bytes of both, from the given offsets, are equal. */
export function equalBytes(
  a: Uint8Array,
  aOffset: number,
  b: Uint8Array,
  bOffset: number,
  length: number,
): boolean {
  for (let i = 0; i < length; i++) {
    if (a[aOffset + i] !== b[bOffset + i]) return false;
  }
  return true;
}
