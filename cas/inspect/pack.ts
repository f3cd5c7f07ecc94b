/**
 * A pack in words (docs/format.md, "Packs"): every block is verified.
 *
 * @module
 */

import { BlockKind } from "../block_store.ts";
import { BlockVerifier, type SoundBlock } from "../packs/block_verifier.ts";
import {
  decodeDirectory,
  decodeTrailer,
  keyAt,
  layoutByHead,
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
  const faults: string[] = [];
  if (!isOneVersion(bytes)) {
    faults.push("it does not begin as a pack does that ends like it");
  }
  if (damagedCount > 0) {
    faults.push(
      `${damagedCount} of its ${directory.count} blocks ${
        damagedCount === 1 ? "is" : "are"
      } damaged`,
    );
  }
  return {
    kind: KIND,
    faults,
    fields: {
      name: hasher.hash(bytes).toHex(),
      bytes: bytes.length,
      blocks: directory.count,
    },
    entries,
  };
}

/** True if a file ends as a pack does. */
export function endsAsPack(bytes: Uint8Array): boolean {
  return typeof decodeTrailer(bytes, bytes.length) !== "string";
}

function isOneVersion(bytes: Uint8Array): boolean {
  const trailer = decodeTrailer(bytes, bytes.length);
  return typeof trailer !== "string" && trailer.layout === layoutByHead(bytes);
}

/** A block that was found by its score. */
export interface FoundBlock {
  /** Its whole score, 64 hexadecimal digits. */
  readonly score: string;
  /** A `BlockKind`. */
  readonly kind: number;
  /** The block. */
  readonly block: Uint8Array;
}

/**
 * The block of this score in a pack, verified; or, as half a sentence, why not;
 * undefined where a sound directory does not have it. The first 40 digits of a
 * score will do, which is all that a damage report has.
 */
export function blockOfPack(
  bytes: Uint8Array,
  score: string,
  { hasher, lz4 }: InspectOptions,
): FoundBlock | string | undefined {
  const directory = readDirectory(bytes, (range) => hasher.hash(range));
  if (typeof directory === "string") return directory;
  for (let index = 0; index < directory.count; index++) {
    if (!score.startsWith(keyAt(directory, index).toHex())) continue;
    const verifier = new BlockVerifier(hasher, lz4);
    const found = verify(bytes, directory, index, verifier);
    if (typeof found === "string") return found;
    const whole = found.score.toHex();
    if (!whole.startsWith(score)) return `its score is ${whole}`;
    const { block } = found;
    return { score: whole, kind: directory.kinds[index]!, block };
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
  const found = verify(bytes, directory, index, verifier);
  const isSound = typeof found !== "string";
  return {
    score: (isSound ? found.score : keyAt(directory, index)).toHex(),
    kind: kindName(directory.kinds[index]!),
    offset: directory.offsets[index]!,
    length: directory.lengths[index]!,
    codec: directory.codecs[index]!,
    found: isSound ? "sound" : found,
  };
}

function verify(
  bytes: Uint8Array,
  directory: PackDirectory,
  index: number,
  verifier: BlockVerifier,
): SoundBlock | string {
  const offset = directory.offsets[index]!;
  return verifier.verifyListed({
    kind: directory.kinds[index]!,
    codec: directory.codecs[index]!,
    stored: bytes.subarray(offset, offset + directory.lengths[index]!),
    key: keyAt(directory, index),
  });
}
