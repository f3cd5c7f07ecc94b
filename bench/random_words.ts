/**
 * Random bytes, fast and the same in every run: what is measured must not wait
 * for them.
 *
 * @module
 */

/** A sequence of random bytes: each call fills `target`, of a multiple of 4 bytes. The generator is sfc32. */
export function randomWords(seed: number): (target: Uint8Array) => void {
  let a = seed | 0;
  let b = 0x9e3779b9 | 0;
  let c = 0x243f6a88 | 0;
  let counter = 1;
  function next(): number {
    const value = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + value) | 0;
    return value;
  }
  // What two seeds give is alike at first.
  for (let i = 0; i < 16; i++) next();
  return function fill(target: Uint8Array): void {
    const words = new Uint32Array(
      target.buffer,
      target.byteOffset,
      target.length / 4,
    );
    for (let i = 0; i < words.length; i++) words[i] = next();
  };
}
