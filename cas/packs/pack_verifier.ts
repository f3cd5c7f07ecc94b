/**
 * Whether a pack file is, byte for byte, what was stored.
 *
 * @module
 */

import type { BadBlock, PackVerdict } from "../block_store.ts";
import { type Hasher, hashInTurns } from "../score.ts";
import type { BlockVerifier } from "./block_verifier.ts";
import { salvageDirectory } from "./directory_loader.ts";
import {
  decodeDirectory,
  decodeTrailer,
  HEADER_LENGTH,
  keyAt,
  type PackDirectory,
} from "./pack_format.ts";

/** Blocks verified before others have their turn: about 0.2 ms. */
const BLOCKS_PER_TURN = 64;

/** What a pack is verified with. */
export interface PackVerifying {
  /** Computes the pack's name. */
  readonly hasher: Hasher;
  /** Verifies its blocks. */
  readonly verifier: BlockVerifier;
  /** Lets others have their turn. */
  readonly yieldNow: () => Promise<void>;
}

/** Verifies the whole file `bytes` of the pack of this name. */
export async function verifyPackFile(
  name: string,
  bytes: Uint8Array,
  { hasher, verifier, yieldNow }: PackVerifying,
): Promise<PackVerdict> {
  const found = (await hashInTurns(hasher, bytes, yieldNow)).toHex();
  const directory = directoryOfFile(bytes, hasher);
  const entries = typeof directory === "string"
    ? salvageDirectory(bytes, verifier)
    : directory;
  const bad: BadBlock[] = [];
  for (let position = 0; position < entries.count; position++) {
    if (position % BLOCKS_PER_TURN === 0) await yieldNow();
    const block = blockAt(entries, position);
    const { offset, length, kind, key } = block;
    const stored = bytes.subarray(offset, offset + length);
    const codec = entries.codecs[position] as number;
    const found = verifier.verifyListed({ kind, codec, stored, key });
    if (typeof found === "string") bad.push({ ...block, key: key.slice() });
  }
  const fault = faultOf(name, found, directory, bad.length);
  return {
    byteCount: bytes.length,
    blockCount: entries.count,
    ...(fault === undefined ? {} : { fault }),
    bad,
  };
}

/** The directory of a whole pack file; as a string, what is wrong with it. */
export function directoryOfFile(
  bytes: Uint8Array,
  hasher: Hasher,
): PackDirectory | string {
  if (bytes.length < HEADER_LENGTH) return `it has ${bytes.length} bytes`;
  const trailer = decodeTrailer(bytes, bytes.length);
  if (typeof trailer === "string") return trailer;
  const tail = bytes.subarray(trailer.directoryOffset);
  return decodeDirectory(tail, trailer, (it) => hasher.hash(it));
}

function faultOf(
  name: string,
  found: string,
  directory: PackDirectory | string,
  badCount: number,
): string | undefined {
  if (typeof directory === "string") return directory;
  if (badCount > 0) {
    return `${badCount} of its blocks ${
      badCount === 1 ? "does" : "do"
    } not verify`;
  }
  return found === name
    ? undefined
    : `its hash is ${found}, though all of its blocks verify`;
}

function blockAt(entries: PackDirectory, position: number): BadBlock {
  return {
    kind: entries.kinds[position] as number,
    key: keyAt(entries, position),
    offset: entries.offsets[position] as number,
    length: entries.lengths[position] as number,
  };
}
