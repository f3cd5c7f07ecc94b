/**
 * A pack in words (docs/format.md, "Packs"): every block is verified.
 *
 * @module
 */

import { BlockKind, SCORE_LENGTH } from "../block_store.ts";
import { BlockVerifier } from "../packs/block_verifier.ts";
import {
  decodeDirectory,
  decodeTrailer,
  type PackDirectory,
} from "../packs/pack_format.ts";
import {
  type InspectedValue,
  type Inspection,
  type InspectOptions,
  unreadable,
} from "./inspection.ts";

const KIND = "pack";

/** Describes a pack and all of its blocks. */
export function inspectPack(
  bytes: Uint8Array,
  { hasher, lz4 }: InspectOptions,
): Inspection {
  const directory = readDirectory(bytes, (range) => hasher.hash(range));
  if (typeof directory === "string") return unreadable(KIND, directory);
  const verifier = new BlockVerifier(hasher, lz4);
  const entries = Array.from(
    { length: directory.count },
    (_, index) => describeEntry(bytes, directory, index, verifier),
  );
  const damagedCount = entries.filter(({ found }) => found !== "sound").length;
  return {
    kind: KIND,
    faults: damagedCount === 0 ? [] : [
      `${damagedCount} of its ${directory.count} blocks ${
        damagedCount === 1 ? "is" : "are"
      } damaged`,
    ],
    fields: {
      name: hasher.hash(bytes).toHex(),
      bytes: bytes.length,
      blocks: directory.count,
    },
    entries,
  };
}

/** The block of this score in a pack, verified; or, as half a sentence, why not; undefined where a sound directory does not have it. */
export function blockOfPack(
  bytes: Uint8Array,
  score: string,
  { hasher, lz4 }: InspectOptions,
): { readonly kind: number; readonly block: Uint8Array } | string | undefined {
  const directory = readDirectory(bytes, (range) => hasher.hash(range));
  if (typeof directory === "string") return directory;
  for (let index = 0; index < directory.count; index++) {
    if (scoreAt(directory, index).toHex() !== score) continue;
    const verifier = new BlockVerifier(hasher, lz4);
    const block = verify(bytes, directory, index, verifier);
    const kind = directory.kinds[index]!;
    return typeof block === "string" ? block : { kind, block };
  }
  return undefined;
}

/** What a kind of block is called. */
export function kindName(kind: number): string {
  if (kind === BlockKind.Data) return "data";
  return kind === BlockKind.Root ? "root" : `pointers ${kind}`;
}

function readDirectory(
  bytes: Uint8Array,
  hash: (bytes: Uint8Array) => Uint8Array,
): PackDirectory | string {
  const trailer = decodeTrailer(bytes, bytes.length);
  if (typeof trailer === "string") return trailer;
  const tail = bytes.subarray(trailer.directoryOffset);
  return decodeDirectory(tail, trailer, hash);
}

function describeEntry(
  bytes: Uint8Array,
  directory: PackDirectory,
  index: number,
  verifier: BlockVerifier,
): Record<string, InspectedValue> {
  const block = verify(bytes, directory, index, verifier);
  return {
    score: scoreAt(directory, index).toHex(),
    kind: kindName(directory.kinds[index]!),
    offset: directory.offsets[index]!,
    length: directory.lengths[index]!,
    codec: directory.codecs[index]!,
    found: typeof block === "string" ? block : "sound",
  };
}

function verify(
  bytes: Uint8Array,
  directory: PackDirectory,
  index: number,
  verifier: BlockVerifier,
): Uint8Array | string {
  const offset = directory.offsets[index]!;
  return verifier.verify({
    kind: directory.kinds[index]!,
    codec: directory.codecs[index]!,
    stored: bytes.subarray(offset, offset + directory.lengths[index]!),
    score: scoreAt(directory, index),
  });
}

function scoreAt(directory: PackDirectory, index: number): Uint8Array {
  const start = index * SCORE_LENGTH;
  return directory.scores.subarray(start, start + SCORE_LENGTH);
}
