/**
 * The LZ4 block format without native code, as the format's description has
 * it (lz4_Block_format.md): a compressor that is greedy and simple, and a
 * decompressor that trusts nothing it reads.
 *
 * A block is a row of sequences:
 *
 *     token (1) | literal length, more (0…) | literals | offset (2, little-endian) | match length, more (0…)
 *
 * The high half of the token counts literals, the low half the match less 4;
 * 15 means that more bytes follow, up to one below 255. The last sequence has
 * literals only. No match begins in the last 12 bytes or covers the last 5.
 *
 * @module
 */

const MATCH_LENGTH_MIN = 4;
const LAST_LITERALS = 5;
const MATCH_START_MARGIN = 12;
const NIBBLE_MAX = 15;
const OFFSET_MAX = 0xffff;
const HASH_BITS = 12;
const HASH_MULTIPLIER = 0x9e3779b1;
/** After 2^6 misses in a row the search takes bigger steps. */
const SKIP_SHIFT = 6;

/** An implementation of the LZ4 block format. Compressed bytes may differ between implementations, the decompressed never do. */
export interface Lz4 {
  /** Which implementation this is, for people. */
  readonly name: string;
  /** Compresses `source` into `target`: how many bytes, or 0 when they do not fit. */
  compress(source: Uint8Array, target: Uint8Array): number;
  /**
   * Decompresses `source` into `target`: how many bytes, or -1 when `source`
   * is no LZ4 block or holds more than `target` takes. Safe on any input.
   */
  decompress(source: Uint8Array, target: Uint8Array): number;
}

/** The implementation in plain JavaScript. */
export function createPortableLz4(): Lz4 {
  const positions = new Uint16Array(1 << HASH_BITS);
  return {
    name: "portable",
    compress: (source, target) => compress(source, target, positions),
    decompress,
  };
}

/** `positions` holds where a hash was seen last, plus one; sources are up to 64 KiB. */
function compress(
  source: Uint8Array,
  target: Uint8Array,
  positions: Uint16Array,
): number {
  if (source.length > OFFSET_MAX) return 0;
  positions.fill(0);
  const matchStartEnd = source.length - MATCH_START_MARGIN;
  const matchEnd = source.length - LAST_LITERALS;
  let anchor = 0;
  let written = 0;
  let position = 0;
  let misses = 1 << SKIP_SHIFT;
  while (position <= matchStartEnd) {
    const word = readWord(source, position);
    const slot = Math.imul(word, HASH_MULTIPLIER) >>> (32 - HASH_BITS);
    const candidate = (positions[slot] as number) - 1;
    positions[slot] = position + 1;
    if (candidate < 0 || readWord(source, candidate) !== word) {
      position += misses++ >> SKIP_SHIFT;
      continue;
    }
    let end = position + MATCH_LENGTH_MIN;
    const distance = position - candidate;
    while (end < matchEnd && source[end] === source[end - distance]) end++;
    written = putSequence(target, written, {
      literals: source.subarray(anchor, position),
      distance,
      matchLength: end - position,
    });
    if (written === 0) return 0;
    position = end;
    anchor = end;
    misses = 1 << SKIP_SHIFT;
  }
  return putSequence(target, written, {
    literals: source.subarray(anchor),
    distance: 0,
    matchLength: 0,
  });
}

interface Sequence {
  readonly literals: Uint8Array;
  /** 0 in the last sequence, which has no match. */
  readonly distance: number;
  readonly matchLength: number;
}

/** Writes a sequence at `at`; the position behind it, or 0 when it does not fit. */
function putSequence(
  target: Uint8Array,
  at: number,
  sequence: Sequence,
): number {
  const { literals, distance, matchLength } = sequence;
  const literalCount = literals.length;
  const matchCode = distance === 0 ? 0 : matchLength - MATCH_LENGTH_MIN;
  const sizeMax = 1 + literalCount + Math.ceil((literalCount + 1) / 255) + 2 +
    Math.ceil((matchCode + 1) / 255);
  if (at + sizeMax > target.length) return 0;
  let next = at + 1;
  target[at] = Math.min(literalCount, NIBBLE_MAX) << 4 |
    Math.min(matchCode, NIBBLE_MAX);
  next = putLength(target, next, literalCount);
  target.set(literals, next);
  next += literalCount;
  if (distance === 0) return next;
  target[next++] = distance & 0xff;
  target[next++] = distance >> 8;
  return putLength(target, next, matchCode);
}

/** Writes what of a length the token does not hold. */
function putLength(target: Uint8Array, at: number, length: number): number {
  if (length < NIBBLE_MAX) return at;
  let rest = length - NIBBLE_MAX;
  let next = at;
  for (; rest >= 255; rest -= 255) target[next++] = 255;
  target[next++] = rest;
  return next;
}

function decompress(source: Uint8Array, target: Uint8Array): number {
  const sourceEnd = source.length;
  let read = 0;
  let written = 0;
  while (read < sourceEnd) {
    const token = source[read++] as number;
    let literalCount = token >> 4;
    if (literalCount === NIBBLE_MAX) {
      let more = 255;
      while (more === 255) {
        if (read >= sourceEnd) return -1;
        more = source[read++] as number;
        literalCount += more;
      }
    }
    if (literalCount > sourceEnd - read) return -1;
    if (literalCount > target.length - written) return -1;
    for (const end = read + literalCount; read < end;) {
      target[written++] = source[read++] as number;
    }
    if (read === sourceEnd) return written;
    if (sourceEnd - read < 2) return -1;
    const distance = (source[read] as number) |
      (source[read + 1] as number) << 8;
    read += 2;
    if (distance === 0 || distance > written) return -1;
    let matchLength = (token & NIBBLE_MAX) + MATCH_LENGTH_MIN;
    if (matchLength === NIBBLE_MAX + MATCH_LENGTH_MIN) {
      let more = 255;
      while (more === 255) {
        if (read >= sourceEnd) return -1;
        more = source[read++] as number;
        matchLength += more;
      }
    }
    if (matchLength > target.length - written) return -1;
    for (const end = written + matchLength; written < end; written++) {
      target[written] = target[written - distance] as number;
    }
  }
  return -1;
}

function readWord(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | (bytes[at + 1] as number) << 8 |
    (bytes[at + 2] as number) << 16 | (bytes[at + 3] as number) << 24;
}
