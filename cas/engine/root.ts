/**
 * The root record: one state of one volume (docs/format.md, "Root record").
 * Its keyed BLAKE3 is the root hash, which with the blobs is all that is needed
 * to serve that state. Little-endian; 256 bytes:
 *
 * ```
 *   0 magic "DSHFROOT"        8    64 volume id            16
 *   8 version                 2    80 writer id            16
 *  10 length                  2    96 tree root            32
 *  12 kind (BlockKind.Root)   1   128 previous root hash   32
 *  13 depth                   1   160 parent root hash     32
 *  14 log2 of the block size  1   192 name, zero-filled    64
 *  15 hash id                 1
 *  16 codec id                1
 *  17 length of the name      1
 *  18 flags                   1
 *  19 reserved, zero          5
 *  24 block count             8
 *  32 sequence                8
 *  40 previous sequence       8
 *  48 time, ms since 1970     8
 *  56 epoch                   8
 * ```
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import { BlockKind, SCORE_LENGTH } from "../block_store.ts";
import type { Hasher } from "../score.ts";
import { fromHex, isZero } from "../bytes.ts";
import { BLOCK_COUNT_MAX, depthFor } from "./geometry.ts";
import { isName } from "./names.ts";
import { idBytes } from "./sealed_text.ts";

/** Version of the root record's layout. */
const ROOT_VERSION = 1;

const MAGIC = "DSHFROOT";
const HASH_ID_BLAKE3 = 1;
/** Blocks in packs: raw or LZ4, said by each pack record. */
const CODEC_ID_PACK = 1;
const ID_LENGTH = 16;
const NAME_FIELD_LENGTH = 64;
/** Bit of the flags: the volume is hidden, its name free for another. */
const FLAG_RETIRED = 1;

const Field = {
  Magic: 0,
  Version: 8,
  Length: 10,
  Kind: 12,
  Depth: 13,
  BlockSizeLog2: 14,
  HashId: 15,
  CodecId: 16,
  NameLength: 17,
  Flags: 18,
  Reserved: 19,
  BlockCount: 24,
  Sequence: 32,
  PreviousSequence: 40,
  TimeMs: 48,
  Epoch: 56,
  VolumeId: 64,
  WriterId: 80,
  TreeRoot: 96,
  PreviousHash: 128,
  ParentHash: 160,
  Name: 192,
} as const;

/** Bytes of a root record. */
export const ROOT_LENGTH: number = 8 + 2 + 2 + 6 * 1 + 1 + 5 + 5 * 8 +
  2 * ID_LENGTH + 3 * SCORE_LENGTH + NAME_FIELD_LENGTH;

if (ROOT_LENGTH !== 256 || ROOT_LENGTH !== Field.Name + NAME_FIELD_LENGTH) {
  throw new RangeError("The fields of a root record must add up to 256 bytes");
}

/** True where what is left of a damaged root shows another tree than these bytes: more than rot explains. */
export function isOtherRoot(rest: Uint8Array, bytes: Uint8Array): boolean {
  let differing = 0;
  for (let at = 0; at < Field.PreviousHash; at++) {
    if (rest[at] === bytes[at]) continue;
    // What has lost its beginning tells nothing.
    if (at < Field.Version) return false;
    if (at >= Field.TreeRoot) differing++;
  }
  return 2 * differing > SCORE_LENGTH && rest.length >= Field.PreviousHash;
}

/** One state of one volume. Scores and hashes are never changed in place. */
export interface RootRecord {
  /** The volume's id, 32 hexadecimal digits. */
  readonly volumeId: string;
  /** The volume's name. */
  readonly name: string;
  /** Size in blocks. */
  readonly blockCount: number;
  /** Levels of pointer blocks. */
  readonly depth: number;
  /** Score of the top pointer block; 32 zero bytes when all is zeros. */
  readonly treeRoot: Uint8Array;
  /** 0 for a new volume; ascends with every state of the volume. */
  readonly sequence: number;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  /** The writer's claim. */
  readonly epoch: number;
  /** The state directory that wrote it, 32 hexadecimal digits. */
  readonly writerId: string;
  /** The state before this one; absent in a volume's first root. */
  readonly previous?: {
    /** Its root hash, 64 hexadecimal digits. */
    readonly hash: string;
    /** Its sequence: below this one's, not always by one. */
    readonly sequence: number;
  };
  /**
   * Root hash of the state whose content this one took over: that of another
   * volume in the first root of a clone, an older one of the same volume in the
   * root of a restore.
   */
  readonly parentHash?: string;
  /** Set when the volume is retired: hidden, and its name free for another. */
  readonly retired?: boolean;
}

/** Encodes a root record. */
export function encodeRoot(root: RootRecord): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ROOT_LENGTH);
  const view = new DataView(bytes.buffer);
  const encoder = new TextEncoder();
  bytes.set(encoder.encode(MAGIC), Field.Magic);
  view.setUint16(Field.Version, ROOT_VERSION, true);
  view.setUint16(Field.Length, ROOT_LENGTH, true);
  bytes[Field.Kind] = BlockKind.Root;
  bytes[Field.Depth] = root.depth;
  bytes[Field.BlockSizeLog2] = Math.log2(BLOCK_SIZE);
  bytes[Field.HashId] = HASH_ID_BLAKE3;
  bytes[Field.CodecId] = CODEC_ID_PACK;
  bytes[Field.NameLength] = root.name.length;
  bytes[Field.Flags] = root.retired === true ? FLAG_RETIRED : 0;
  setCount(view, Field.BlockCount, root.blockCount);
  setCount(view, Field.Sequence, root.sequence);
  setCount(view, Field.PreviousSequence, root.previous?.sequence ?? 0);
  setCount(view, Field.TimeMs, root.timeMs);
  setCount(view, Field.Epoch, root.epoch);
  bytes.set(idBytes(root.volumeId), Field.VolumeId);
  bytes.set(idBytes(root.writerId), Field.WriterId);
  bytes.set(root.treeRoot, Field.TreeRoot);
  if (root.previous) bytes.set(fromHex(root.previous.hash), Field.PreviousHash);
  if (root.parentHash) bytes.set(fromHex(root.parentHash), Field.ParentHash);
  bytes.set(encoder.encode(root.name), Field.Name);
  return bytes;
}

/** The hash that names a state: keyed BLAKE3 of its record, 32 bytes. */
export function hashRoot(
  record: Uint8Array,
  hasher: Hasher,
): Uint8Array<ArrayBuffer> {
  const hash = new Uint8Array(SCORE_LENGTH);
  hasher.score(BlockKind.Root, record, hash);
  return hash;
}

/**
 * Decodes a root record. Throws a RangeError that says what is wrong with it as
 * half a sentence ("its magic is …"). A record is trusted only after its hash
 * was checked; what is decoded here is checked all the same.
 */
export function decodeRoot(bytes: Uint8Array): RootRecord {
  require(bytes.length === ROOT_LENGTH, `it has ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = latin1(bytes, Field.Magic, MAGIC.length);
  require(magic === MAGIC, "it does not begin as a root record");
  const version = view.getUint16(Field.Version, true);
  require(
    version === ROOT_VERSION,
    `its version is ${version}, and this program reads version ${ROOT_VERSION}`,
  );
  require(view.getUint16(Field.Length, true) === ROOT_LENGTH, "its length");
  require(
    bytes[Field.Kind] === BlockKind.Root,
    "its kind is not that of a root",
  );
  require(1 << bytes[Field.BlockSizeLog2]! === BLOCK_SIZE, "its block size");
  require(bytes[Field.HashId] === HASH_ID_BLAKE3, "its hash is unknown");
  require(bytes[Field.CodecId] === CODEC_ID_PACK, "its codec is unknown");
  require(
    isZero(bytes, Field.Reserved, Field.BlockCount - Field.Reserved),
    "its reserved bytes are not zero",
  );
  const flags = bytes[Field.Flags]!;
  require((flags & ~FLAG_RETIRED) === 0, `its flags are ${flags}`);
  const blockCount = getCount(view, Field.BlockCount);
  require(
    blockCount >= 1 && blockCount <= BLOCK_COUNT_MAX,
    `its block count is ${blockCount}`,
  );
  const depth = bytes[Field.Depth]!;
  require(depth === depthFor(blockCount), `its depth is ${depth}`);
  return {
    volumeId: hexField(bytes, Field.VolumeId, ID_LENGTH),
    name: decodeName(bytes),
    blockCount,
    depth,
    treeRoot: bytes.slice(Field.TreeRoot, Field.TreeRoot + SCORE_LENGTH),
    sequence: getCount(view, Field.Sequence),
    timeMs: getCount(view, Field.TimeMs),
    epoch: getCount(view, Field.Epoch),
    writerId: hexField(bytes, Field.WriterId, ID_LENGTH),
    ...decodePrevious(bytes, view),
    ...(isZero(bytes, Field.ParentHash, SCORE_LENGTH)
      ? {}
      : { parentHash: hexField(bytes, Field.ParentHash, SCORE_LENGTH) }),
    ...(flags === FLAG_RETIRED ? { retired: true } : {}),
  };
}

function decodeName(bytes: Uint8Array): string {
  const length = bytes[Field.NameLength]!;
  const name = latin1(bytes, Field.Name, Math.min(length, NAME_FIELD_LENGTH));
  const padded = length < NAME_FIELD_LENGTH &&
    isZero(bytes, Field.Name + length, NAME_FIELD_LENGTH - length);
  require(padded && isName(name), "its volume name is not allowed");
  return name;
}

function decodePrevious(
  bytes: Uint8Array,
  view: DataView,
): Pick<RootRecord, "previous"> {
  const sequence = getCount(view, Field.PreviousSequence);
  if (isZero(bytes, Field.PreviousHash, SCORE_LENGTH)) {
    require(sequence === 0, "it has a previous sequence without a hash");
    return {};
  }
  require(
    sequence < getCount(view, Field.Sequence),
    "its previous sequence is not below its own",
  );
  const hash = hexField(bytes, Field.PreviousHash, SCORE_LENGTH);
  return { previous: { hash, sequence } };
}

function hexField(bytes: Uint8Array, offset: number, length: number): string {
  return bytes.subarray(offset, offset + length).toHex();
}

function latin1(bytes: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length));
}

function setCount(view: DataView, offset: number, value: number): void {
  view.setBigUint64(offset, BigInt(value), true);
}

function getCount(view: DataView, offset: number): number {
  const value = Number(view.getBigUint64(offset, true));
  require(
    Number.isSafeInteger(value),
    `its number at byte ${offset} is ${value}`,
  );
  return value;
}

function require(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new RangeError(reason);
}
