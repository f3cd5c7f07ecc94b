/**
 * Binary fuse filters (Graf and Lemire, "Binary Fuse Filters: Fast and Smaller
 * Than Xor Filters", 2022): a table of small numbers in which every key has
 * three slots, in three neighbouring segments. Of a key that was put in, the
 * three come to its fingerprint; of any other they do so by chance, once in
 * 128 times with 7 bits a slot, once in 4096 with 12.
 *
 * Keys are two words of a score, which is uniform: they are mixed with a seed
 * only because some sets of keys do not fit with some seeds.
 *
 * @module
 */

/** The slots of a key: one in each of so many segments that follow one another. */
const ARITY = 3;
/** Words of a key. */
export const FUSE_KEY_WORDS = 2;
/** Most keys of a table: the number of a key, and how many share a slot, are in one word. */
export const FUSE_KEYS_MAX: number = 2 ** 17;
const NUMBER_MASK: number = FUSE_KEYS_MAX - 1;
const COUNT_SHIFT = 17;
const ONE_KEY: number = 1 << COUNT_SHIFT;
const COUNT_MAX: number = 2 ** (32 - COUNT_SHIFT) - 1;

const SEGMENT_LENGTH_MIN = 4;
/** Odd numbers with their bits well spread, for multiplicative hashing. */
const MIX_START = 0x9e3779b1;
const MIX_OFFSETS = 0x85ebca6b;
const MIX_FINGERPRINT = 0xc2b2ae35;
/** One word has the offsets in two segments: there the other one begins. */
const OFFSET_SHIFT = 16;
const WORD_BITS = 32;
const WORD_SPAN: number = 2 ** WORD_BITS;
const BYTE_BITS = 8;

/** Bits of a slot: however they lie, a slot is in two bytes. */
export type FingerprintBits = 7 | 12;

/** How the slots of a table are arranged. */
export interface FuseLayout {
  /** Slots of a segment, a power of two. */
  readonly segmentLength: number;
  /** How many segments. */
  readonly segmentCount: number;
}

/** A table as it is asked. */
export interface FuseTable extends FuseLayout {
  /** The slots, packed. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of each slot. */
  readonly bits: FingerprintBits;
  /** What keys are mixed with. */
  readonly seed: number;
}

/** Memory that filling a table takes. */
export interface FuseScratch {
  /** One for each slot: what the fingerprints come to be. */
  readonly fingerprints: Uint16Array;
  /** One for each slot. */
  readonly slots: Uint32Array;
  /** One for each slot, and one more. */
  readonly lone: Uint32Array;
  /** One for each key. */
  readonly takenKeys: Uint32Array;
  /** One for each key. */
  readonly takenSlots: Uint32Array;
}

/** How a table for so many keys is arranged: the measurements of the paper, with segments half as long. */
export function fuseLayout(keyCount: number): FuseLayout {
  const log = Math.log(Math.max(2, keyCount));
  const power = Math.floor(log / Math.log(3.33) + 1.25);
  const segmentLength = Math.max(SEGMENT_LENGTH_MIN, 2 ** power);
  const ratio = Math.max(1.125, 0.875 + 0.25 * Math.log(1e6) / log);
  const segments = Math.ceil(keyCount * ratio / segmentLength);
  return { segmentLength, segmentCount: Math.max(ARITY, segments) };
}

/** How many slots a table has. */
export function slotCount({ segmentLength, segmentCount }: FuseLayout): number {
  return segmentLength * segmentCount;
}

/** Bytes of a table: whole words, and one byte more than slots take, since two are read for each. */
export function tableBytes(layout: FuseLayout, bits: FingerprintBits): number {
  const bitCount = slotCount(layout) * bits + BYTE_BITS;
  return Math.ceil(bitCount / WORD_BITS) * WORD_BITS / BYTE_BITS;
}

/** Words of a shape: what is to be known of a table, beside its slots. */
export const SHAPE_WORDS = 4;
/** Words in a shape, of which all are zero where there is no table. */
export const ShapeWord = {
  seed: 0,
  segmentLength: 1,
  segmentCount: 2,
  bits: 3,
} as const;

/** Words of a probe: where to look for a key in a table. */
export const PROBE_WORDS = 4;
/** The bits at which the slots of the key begin, and what they come to with its fingerprint: bits of a slot (16) | fingerprint (16). */
const ProbeWord = { first: 0, second: 1, third: 2, fingerprint: 3 } as const;
const PROBE_BITS_SHIFT = 16;

/** The shapes of tables, one after the other. */
export function shapesOf(
  tables: readonly (FuseTable | undefined)[],
): Uint32Array<ArrayBuffer> {
  const shapes = new Uint32Array(tables.length * SHAPE_WORDS);
  tables.forEach((table, i) => {
    if (table === undefined) return;
    const at = i * SHAPE_WORDS;
    shapes[at + ShapeWord.seed] = table.seed;
    shapes[at + ShapeWord.segmentLength] = table.segmentLength;
    shapes[at + ShapeWord.segmentCount] = table.segmentCount;
    shapes[at + ShapeWord.bits] = table.bits;
  });
  return shapes;
}

/** What to look for: a key in a table of a shape. */
export interface FuseQuestion {
  /** Shapes of tables. */
  readonly shapes: Uint32Array;
  /** Which table. */
  readonly number: number;
  /** The key: its words. */
  readonly low: number;
  /** The same. */
  readonly high: number;
}

/** Works out at word `at` of `probes` where to look, without looking at slots. */
export function fuseProbe(
  { shapes, number, low, high }: FuseQuestion,
  probes: Uint32Array,
  at: number,
): void {
  const shape = number * SHAPE_WORDS;
  const segmentLength = shapes[shape + ShapeWord.segmentLength] as number;
  const segmentCount = shapes[shape + ShapeWord.segmentCount] as number;
  const bits = shapes[shape + ShapeWord.bits] as number;
  const start = mixStart(low, shapes[shape + ShapeWord.seed] as number);
  const offsets = mixOffsets(high, start);
  const starts = (segmentCount - ARITY + 1) * segmentLength;
  const first = firstSlot(start, starts);
  probes[at + ProbeWord.first] = first * bits;
  probes[at + ProbeWord.second] = bits *
    secondSlot(first, segmentLength, offsets);
  probes[at + ProbeWord.third] = bits *
    thirdSlot(first, segmentLength, offsets);
  const fingerprint = mixFingerprint(start, offsets) >>> (WORD_BITS - bits);
  probes[at + ProbeWord.fingerprint] = fingerprint | bits << PROBE_BITS_SHIFT;
}

/** Sets a probe that is answered with `has` where all slots are zero, as those of `NO_SLOTS`. */
export function setProbe(probes: Uint32Array, at: number, has: boolean): void {
  probes.fill(0, at, at + PROBE_WORDS);
  probes[at + ProbeWord.fingerprint] = (has ? 0 : 1) | 1 << PROBE_BITS_SHIFT;
}

/** Reads what `fuseHas` would, and makes nothing of it. */
export function touchSlots(
  bytes: Uint8Array,
  probes: Uint32Array,
  at: number,
): number {
  return (bytes[(probes[at + ProbeWord.first] as number) >>> 3] as number) ^
    (bytes[(probes[at + ProbeWord.second] as number) >>> 3] as number) ^
    (bytes[(probes[at + ProbeWord.third] as number) >>> 3] as number);
}

/** Slots for probes of no table. */
export const NO_SLOTS: Uint8Array<ArrayBuffer> = new Uint8Array(2);

/** False if the key of the probe at word `at` was not put into the table with these slots. */
export function fuseHas(
  bytes: Uint8Array,
  probes: Uint32Array,
  at: number,
): boolean {
  const sought = probes[at + ProbeWord.fingerprint] as number;
  const sum = unpack(bytes, probes[at + ProbeWord.first] as number) ^
    unpack(bytes, probes[at + ProbeWord.second] as number) ^
    unpack(bytes, probes[at + ProbeWord.third] as number);
  return ((sum ^ sought) & (1 << (sought >>> PROBE_BITS_SHIFT)) - 1) === 0;
}

/**
 * Works out the fingerprints for `count` keys, all different; false if they do
 * not fit with this seed.
 *
 * Every slot gathers how many keys have it and the sum of their numbers. A key
 * that has a slot for itself can be given its fingerprint there whatever is in
 * its other slots; so it is taken away, which leaves others by themselves.
 * Fingerprints are then given in the opposite order.
 */
export function fillFuse(
  keys: Uint32Array,
  count: number,
  shape: FuseLayout & { readonly bits: number; readonly seed: number },
  scratch: FuseScratch,
): boolean {
  const { seed, segmentLength } = shape;
  if (!gather(keys, count, shape, scratch)) return false;
  if (takeAway(keys, shape, scratch) !== count) return false;
  const { fingerprints, takenKeys, takenSlots } = scratch;
  fingerprints.fill(0);
  const starts = startCount(shape);
  const shift = WORD_BITS - shape.bits;
  for (let i = count - 1; i >= 0; i--) {
    const at = (takenKeys[i] as number) * FUSE_KEY_WORDS;
    const start = mixStart(keys[at] as number, seed);
    const offsets = mixOffsets(keys[at + 1] as number, start);
    const first = firstSlot(start, starts);
    // Its own slot is still zero.
    const others = (fingerprints[first] as number) ^
      (fingerprints[secondSlot(first, segmentLength, offsets)] as number) ^
      (fingerprints[thirdSlot(first, segmentLength, offsets)] as number);
    const fingerprint = mixFingerprint(start, offsets) >>> shift;
    fingerprints[takenSlots[i] as number] = others ^ fingerprint;
  }
  return true;
}

/** Packs the first `count` fingerprints into `bytes`. */
export function packFuse(
  fingerprints: Uint16Array,
  count: number,
  bits: FingerprintBits,
  bytes: Uint8Array,
): void {
  let waiting = 0;
  let waitingBits = 0;
  let at = 0;
  for (let slot = 0; slot < count; slot++) {
    waiting |= (fingerprints[slot] as number) << waitingBits;
    waitingBits += bits;
    while (waitingBits >= BYTE_BITS) {
      bytes[at++] = waiting;
      waiting >>>= BYTE_BITS;
      waitingBits -= BYTE_BITS;
    }
  }
  bytes[at++] = waiting;
  bytes.fill(0, at);
}

/** What is at a slot that begins at this bit, and other bits above it. */
function unpack(bytes: Uint8Array, bit: number): number {
  const at = bit >>> 3;
  const word = (bytes[at] as number) | (bytes[at + 1] as number) << BYTE_BITS;
  return word >>> (bit & BYTE_BITS - 1);
}

/** Notes in all slots which keys have them; false if too many have one. */
function gather(
  keys: Uint32Array,
  count: number,
  layout: FuseLayout & { readonly seed: number },
  { slots }: FuseScratch,
): boolean {
  const { seed, segmentLength } = layout;
  const starts = startCount(layout);
  slots.fill(0);
  let isCrowded = false;
  for (let number = 0; number < count; number++) {
    const at = number * FUSE_KEY_WORDS;
    const start = mixStart(keys[at] as number, seed);
    const offsets = mixOffsets(keys[at + 1] as number, start);
    const first = firstSlot(start, starts);
    const second = secondSlot(first, segmentLength, offsets);
    const third = thirdSlot(first, segmentLength, offsets);
    const a = (slots[first] as number) + ONE_KEY ^ number;
    const b = (slots[second] as number) + ONE_KEY ^ number;
    const c = (slots[third] as number) + ONE_KEY ^ number;
    slots[first] = a;
    slots[second] = b;
    slots[third] = c;
    isCrowded ||= a >>> COUNT_SHIFT === COUNT_MAX ||
      b >>> COUNT_SHIFT === COUNT_MAX || c >>> COUNT_SHIFT === COUNT_MAX;
  }
  return !isCrowded;
}

/** Takes keys away one after the other; how many there were to be taken. */
function takeAway(
  keys: Uint32Array,
  layout: FuseLayout & { readonly seed: number },
  { slots, lone, takenKeys, takenSlots }: FuseScratch,
): number {
  const { seed, segmentLength } = layout;
  const starts = startCount(layout);
  // A slot is always written behind the last lone one, and counts if it is one: that spares a branch that nobody can foresee.
  let loneCount = 0;
  for (let slot = 0; slot < slots.length; slot++) {
    lone[loneCount] = slot;
    loneCount += isLone(slots[slot] as number);
  }
  let taken = 0;
  while (loneCount > 0) {
    const slot = lone[--loneCount] as number;
    const word = slots[slot] as number;
    // Else another slot of its key was lone, too.
    if (isLone(word) === 0) continue;
    const number = word & NUMBER_MASK;
    takenKeys[taken] = number;
    takenSlots[taken++] = slot;
    const at = number * FUSE_KEY_WORDS;
    const start = mixStart(keys[at] as number, seed);
    const offsets = mixOffsets(keys[at + 1] as number, start);
    const first = firstSlot(start, starts);
    const second = secondSlot(first, segmentLength, offsets);
    const third = thirdSlot(first, segmentLength, offsets);
    const a = (slots[first] as number) - ONE_KEY ^ number;
    slots[first] = a;
    lone[loneCount] = first;
    loneCount += isLone(a);
    const b = (slots[second] as number) - ONE_KEY ^ number;
    slots[second] = b;
    lone[loneCount] = second;
    loneCount += isLone(b);
    const c = (slots[third] as number) - ONE_KEY ^ number;
    slots[third] = c;
    lone[loneCount] = third;
    loneCount += isLone(c);
  }
  return taken;
}

function isLone(word: number): number {
  return word >>> COUNT_SHIFT === 1 ? 1 : 0;
}

/** In how many slots the first of a key may be. */
function startCount({ segmentLength, segmentCount }: FuseLayout): number {
  return (segmentCount - ARITY + 1) * segmentLength;
}

function firstSlot(start: number, starts: number): number {
  return (start >>> 0) * starts / WORD_SPAN >>> 0;
}

function secondSlot(
  first: number,
  segmentLength: number,
  offsets: number,
): number {
  return first + segmentLength ^ offsets & segmentLength - 1;
}

function thirdSlot(
  first: number,
  segmentLength: number,
  offsets: number,
): number {
  return first + 2 * segmentLength ^
    offsets >>> OFFSET_SHIFT & segmentLength - 1;
}

function mixStart(low: number, seed: number): number {
  const mixed = Math.imul(low ^ seed, MIX_START);
  return mixed ^ mixed >>> 15;
}

function mixOffsets(high: number, start: number): number {
  const mixed = Math.imul(high + start | 0, MIX_OFFSETS);
  return mixed ^ mixed >>> 13;
}

function mixFingerprint(start: number, offsets: number): number {
  return Math.imul(start + offsets | 0, MIX_FINGERPRINT);
}
