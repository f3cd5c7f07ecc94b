/**
 * The blob of a root, the commit point of a checkpoint (docs/format.md, "Root
 * blob"): the root record, and behind it the packs that the checkpoint wrote.
 * The packs stand outside of the record, because the record itself lies in the
 * last of them, whose name is the hash of its bytes; and so does what they cost,
 * which is known only when they are written. Little-endian:
 *
 * ```
 *    0 root record     256
 *  256 pack count        4
 *  260 reserved, zero    4
 *  264 bytes of packs    8
 *  272 blocks written    8
 *  280 blocks new        8
 *  288 pack names       32 each
 *   .. checksum         32   keyed BLAKE3 (as a root's) of all bytes before
 * ```
 *
 * @module
 */

import { BlockKind, SCORE_LENGTH } from "../block_store.ts";
import type { Hasher } from "../score.ts";
import { equalBytes, fromHex } from "../bytes.ts";
import { decodeRoot, hashRoot, ROOT_LENGTH, type RootRecord } from "./root.ts";

const PACK_COUNT_OFFSET = ROOT_LENGTH;
const RESERVED_OFFSET = PACK_COUNT_OFFSET + 4;
const PACK_BYTES_OFFSET = RESERVED_OFFSET + 4;
const BLOCKS_WRITTEN_OFFSET = PACK_BYTES_OFFSET + 8;
const BLOCKS_NEW_OFFSET = BLOCKS_WRITTEN_OFFSET + 8;
const PACKS_OFFSET = BLOCKS_NEW_OFFSET + 8;
const PACK_NAME_LENGTH = 32;
const CHECKSUM_LENGTH = SCORE_LENGTH;

/** What the checkpoint of a root wrote. */
export interface RootCost {
  /** Names of the packs, of 64 hexadecimal digits, in the order written. */
  readonly packs: readonly string[];
  /** Bytes of these packs. */
  readonly packBytes: number;
  /** Data blocks of this volume that were written: new, known and zero. */
  readonly blocksWritten: number;
  /** Those of them that were stored for the first time. */
  readonly blocksNew: number;
}

/** A root with its hash and packs. */
export interface PublishedRoot extends RootCost {
  /** The record. */
  readonly record: RootRecord;
  /** Its hash, 64 hexadecimal digits. */
  readonly hash: string;
}

/** Encodes the blob of a root. */
export function encodeRootBlob(
  record: Uint8Array,
  cost: RootCost,
  hasher: Hasher,
): Uint8Array<ArrayBuffer> {
  const { packs, packBytes, blocksWritten, blocksNew } = cost;
  const checksumOffset = PACKS_OFFSET + packs.length * PACK_NAME_LENGTH;
  const bytes = new Uint8Array(checksumOffset + CHECKSUM_LENGTH);
  bytes.set(record);
  const view = new DataView(bytes.buffer);
  view.setUint32(PACK_COUNT_OFFSET, packs.length, true);
  view.setBigUint64(PACK_BYTES_OFFSET, BigInt(packBytes), true);
  view.setBigUint64(BLOCKS_WRITTEN_OFFSET, BigInt(blocksWritten), true);
  view.setBigUint64(BLOCKS_NEW_OFFSET, BigInt(blocksNew), true);
  packs.forEach((name, index) => {
    const raw = fromHex(name);
    if (raw.length !== PACK_NAME_LENGTH) {
      throw new RangeError(`The name of pack "${name}" is not a BLAKE3 hash`);
    }
    bytes.set(raw, PACKS_OFFSET + index * PACK_NAME_LENGTH);
  });
  const body = bytes.subarray(0, checksumOffset);
  hasher.score(BlockKind.Root, body, bytes, checksumOffset);
  return bytes;
}

/**
 * Decodes and verifies the blob of a root. Throws a RangeError that says what is
 * wrong with it as half a sentence.
 */
export function decodeRootBlob(
  bytes: Uint8Array,
  hasher: Hasher,
): PublishedRoot {
  if (bytes.length < PACKS_OFFSET + CHECKSUM_LENGTH) {
    throw new RangeError(`it has only ${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const packCount = view.getUint32(PACK_COUNT_OFFSET, true);
  const checksumOffset = PACKS_OFFSET + packCount * PACK_NAME_LENGTH;
  if (bytes.length !== checksumOffset + CHECKSUM_LENGTH) {
    throw new RangeError(
      `it has ${bytes.length} bytes, which do not fit ${packCount} packs`,
    );
  }
  const checksum = new Uint8Array(CHECKSUM_LENGTH);
  hasher.score(BlockKind.Root, bytes.subarray(0, checksumOffset), checksum);
  if (!equalBytes(checksum, bytes.subarray(checksumOffset))) {
    throw new RangeError("its checksum does not fit its bytes");
  }
  if (view.getUint32(RESERVED_OFFSET, true) !== 0) {
    throw new RangeError("its reserved bytes are not zero");
  }
  const record = bytes.subarray(0, ROOT_LENGTH);
  const packs = Array.from({ length: packCount }, (_, index) => {
    const offset = PACKS_OFFSET + index * PACK_NAME_LENGTH;
    return bytes.subarray(offset, offset + PACK_NAME_LENGTH).toHex();
  });
  return {
    record: decodeRoot(record),
    hash: hashRoot(record, hasher).toHex(),
    packs,
    packBytes: Number(view.getBigUint64(PACK_BYTES_OFFSET, true)),
    blocksWritten: Number(view.getBigUint64(BLOCKS_WRITTEN_OFFSET, true)),
    blocksNew: Number(view.getBigUint64(BLOCKS_NEW_OFFSET, true)),
  };
}
