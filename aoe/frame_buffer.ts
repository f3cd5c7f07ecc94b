/**
 * Memory for a frame.
 *
 * @module
 */

/** What brings byte 36 of a frame, where its sectors begin, to a multiple of 8. */
const SECTORS_ALIGNMENT = 4;

/**
 * A buffer for one frame of up to `length` bytes, all zero, placed so that the
 * sectors in it are aligned to 8 bytes: V8 copies between them and shared
 * memory in words then, and else byte by byte.
 */
export function frameBuffer(length: number): Uint8Array<ArrayBuffer> {
  const memory = new ArrayBuffer(SECTORS_ALIGNMENT + length);
  return new Uint8Array(memory, SECTORS_ALIGNMENT, length);
}
