/**
 * A root in words (docs/format.md, "Root record" and "Root blob").
 *
 * @module
 */

import { decodeRoot, hashRoot, type RootRecord } from "../engine/root.ts";
import { decodeRootBlob } from "../engine/root_blob.ts";
import type { Hasher } from "../score.ts";
import {
  type InspectedValue,
  type Inspection,
  unreadable,
} from "./inspection.ts";

const KIND = "root";

/** Describes the blob of a root. */
export function inspectRootBlob(bytes: Uint8Array, hasher: Hasher): Inspection {
  try {
    const root = decodeRootBlob(bytes, hasher);
    const { packs, packBytes, blocksWritten, blocksNew } = root;
    return {
      kind: KIND,
      faults: [],
      fields: {
        "root hash": root.hash,
        ...describeRecord(root.record),
        "blocks written": blocksWritten,
        "blocks new": blocksNew,
        "bytes of packs": packBytes,
      },
      entries: packs.map((pack) => ({ pack })),
    };
  } catch (error) {
    return fault(error);
  }
}

/** Describes a root record alone, as packs hold it. */
export function inspectRootRecord(
  bytes: Uint8Array,
  hasher: Hasher,
): Inspection {
  try {
    const hash = hashRoot(bytes, hasher).toHex();
    const fields = { "root hash": hash, ...describeRecord(decodeRoot(bytes)) };
    return { kind: KIND, faults: [], fields, entries: [] };
  } catch (error) {
    return fault(error);
  }
}

function describeRecord(record: RootRecord): Record<string, InspectedValue> {
  const { previous, parentHash, retired } = record;
  return {
    volume: record.name,
    "volume id": record.volumeId,
    sequence: record.sequence,
    time: new Date(record.timeMs).toISOString(),
    blocks: record.blockCount,
    depth: record.depth,
    "tree root": record.treeRoot.toHex(),
    epoch: record.epoch,
    "writer id": record.writerId,
    ...(previous === undefined ? {} : {
      "previous root": previous.hash,
      "previous sequence": previous.sequence,
    }),
    ...(parentHash === undefined ? {} : { "content of root": parentHash }),
    ...(retired ? { retired } : {}),
  };
}

function fault(error: unknown): Inspection {
  if (error instanceof RangeError) return unreadable(KIND, error.message);
  throw error;
}
