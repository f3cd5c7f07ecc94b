/**
 * Publishing of roots: the commit point of a checkpoint.
 *
 * Order: the root block into the checkpoint's last pack, packs durable, no newer
 * claim, then the root blobs by create-if-absent, then no newer claim still.
 *
 * @module
 */

import {
  BlockKind,
  type BlockWriter,
  type WrittenPacks,
} from "../block_store.ts";
import { createBlob } from "./blobs.ts";
import type { Claim } from "./claim.ts";
import type { EngineContext } from "./context.ts";
import { rootKey } from "./names.ts";
import { encodeRoot, hashRoot, type RootRecord } from "./root.ts";
import {
  decodeRootBlob,
  encodeRootBlob,
  type PublishedRoot,
} from "./root_blob.ts";

/** A state to be published. */
export interface NewState {
  /** Its record. */
  readonly record: RootRecord;
  /** Data blocks of the volume that were written; none when absent. */
  readonly blocksWritten?: number;
  /** Those of them that were stored for the first time. */
  readonly blocksNew?: number;
}

/** What publishing works with. */
export interface PublishOptions {
  /** The engine's surroundings. */
  readonly context: EngineContext;
  /** The claim that must still stand. */
  readonly claim: Claim;
  /** Begins to write another pack, if a root must be made anew. */
  readonly beginWrite: () => BlockWriter;
  /**
   * Told of each root at once, in the order given: should a later one
   * fail, the next checkpoint must stand on those that were published.
   */
  readonly onPublished: (root: PublishedRoot, index: number) => void;
  /** Packs with blocks below these roots that are durable already. */
  readonly writtenBefore?: WrittenPacks;
}

/**
 * Finishes `writer`, which has all blocks below these roots, publishes the roots
 * and gives all packs this took. Rejects with `LostClaim` when another server writes the archive.
 */
export async function publishRoots(
  states: readonly NewState[],
  writer: BlockWriter,
  options: PublishOptions,
): Promise<WrittenPacks> {
  const { claim, context, onPublished } = options;
  for (const { record } of states) await addRoot(record, writer, context);
  let written = joined(options.writtenBefore, await writer.finish());
  await claim.check();
  for (const [index, state] of states.entries()) {
    const published = await publishRoot(state, written, options);
    onPublished(published.root, index);
    written = published.written;
  }
  await claim.check();
  return written;
}

function joined(
  before: WrittenPacks | undefined,
  more: WrittenPacks,
): WrittenPacks {
  if (before === undefined) return more;
  return {
    packs: [...before.packs, ...more.packs],
    byteCount: before.byteCount + more.byteCount,
  };
}

async function addRoot(
  record: RootRecord,
  writer: BlockWriter,
  context: EngineContext,
): Promise<void> {
  const bytes = encodeRoot(record);
  await writer.add(BlockKind.Root, hashRoot(bytes, context.hasher), bytes);
}

/** Puts one root, stepping over those of servers that lost their claim. */
async function publishRoot(
  state: NewState,
  before: WrittenPacks,
  options: PublishOptions,
): Promise<{ root: PublishedRoot; written: WrittenPacks }> {
  const { context, claim, beginWrite } = options;
  const { blocksWritten = 0, blocksNew = 0 } = state;
  let { record } = state;
  let written = before;
  for (;;) {
    const bytes = encodeRoot(record);
    const { packs, byteCount: packBytes } = written;
    const cost = { packs, packBytes, blocksWritten, blocksNew };
    const blob = encodeRootBlob(bytes, cost, context.hasher);
    const key = rootKey(record.volumeId, record.sequence);
    const other = await createBlob(context, key, blob).catch((error) => {
      claim.noteRootOnItsWay();
      throw error;
    });
    if (other === undefined) {
      const hash = hashRoot(bytes, context.hasher).toHex();
      return { root: { record, hash, ...cost }, written };
    }
    await stepOver(key, other, { context, claim });
    record = { ...record, sequence: record.sequence + 1 };
    const writer = beginWrite();
    await addRoot(record, writer, context);
    written = joined(written, await writer.finish());
  }
}

/** Decides about a root in our place: a newer writer's ends our claim, any other is left aside. */
async function stepOver(
  key: string,
  blob: Uint8Array,
  options: { context: EngineContext; claim: Claim },
): Promise<void> {
  const { context, claim } = options;
  let epoch: number | undefined;
  try {
    epoch = decodeRootBlob(blob, context.hasher).record.epoch;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  await claim.checkAgainst(epoch);
  const whose = epoch === undefined ? "is damaged" : `is of epoch ${epoch}`;
  context.onEvent({
    event: "root-stepped-over",
    severity: "strange",
    message:
      `The root "${key}" in ${context.store.display} ${whose}, from a server that no longer writes the archive, or from another archive: it is left aside`,
    key,
    ...(epoch === undefined ? {} : { epoch }),
  });
}
