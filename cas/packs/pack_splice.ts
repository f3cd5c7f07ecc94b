/**
 * One whole pack from copies that are damaged in different places.
 *
 * @module
 */

import type { Hasher } from "../score.ts";
import type { BlockVerifier } from "./block_verifier.ts";
import { keyAt } from "./pack_format.ts";
import { directoryOfFile } from "./pack_verifier.ts";

/** What a pack is put together with. */
export interface PackSplicing {
  /** Computes the pack's name. */
  readonly hasher: Hasher;
  /** Tells which blocks are sound. */
  readonly verifier: BlockVerifier;
}

/**
 * The pack of this name from its damaged copies; undefined when they do not make
 * one. The copies stay as they are; the result is the caller's.
 */
export function splicePack(
  name: string,
  copies: readonly Uint8Array[],
  { hasher, verifier }: PackSplicing,
): Uint8Array | undefined {
  for (const base of copies) {
    const directory = directoryOfFile(base, hasher);
    if (typeof directory === "string") continue;
    const whole = base.slice();
    for (let at = 0; at < directory.count; at++) {
      const offset = directory.offsets[at] as number;
      const end = offset + (directory.lengths[at] as number);
      const sound = copies.find((copy) =>
        typeof verifier.verifyListed({
          kind: directory.kinds[at] as number,
          codec: directory.codecs[at] as number,
          stored: copy.subarray(offset, end),
          key: keyAt(directory, at),
        }) !== "string"
      );
      if (sound !== undefined) whole.set(sound.subarray(offset, end), offset);
    }
    if (hasher.hash(whole).toHex() === name) return whole;
    // A header may be damaged as well.
    for (const copy of copies) {
      whole.set(copy.subarray(0, 16));
      if (hasher.hash(whole).toHex() === name) return whole;
    }
  }
  return undefined;
}
