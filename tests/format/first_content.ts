/** What the archive of `first_packs/` holds: a volume that was written twice. */

const BLOCK_SIZE = 4096;
/** Blocks of the volume. */
export const BLOCK_COUNT = 1000;
/** What was written before the snapshot, and then: the first block of each, how many, and a seed. */
const WRITES: readonly (readonly [number, number, number])[] = [
  [0, 12, 1],
  [500, 3, 2],
  [6, 2, 3],
];

/** The volume after so many of its writes: 2 at the snapshot `first`, 3 in the end. */
export function firstContent(writeCount: number): Uint8Array<ArrayBuffer> {
  const disk = new Uint8Array(BLOCK_COUNT * BLOCK_SIZE);
  for (const [first, count, seed] of WRITES.slice(0, writeCount)) {
    for (let block = first; block < first + count; block++) {
      const bytes = disk.subarray(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE);
      // The first one of a write does not compress.
      const length = block === first ? BLOCK_SIZE : 256;
      bytes.fill(block).set(noise(seed * 1000 + block, length));
    }
  }
  return disk;
}

function noise(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state >>> 11;
  }
  return bytes;
}
