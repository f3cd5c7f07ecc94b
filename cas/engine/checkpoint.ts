/**
 * A checkpoint: the frozen writes of all volumes into packs, then the new roots.
 *
 * @module
 */

import type {
  CheckpointResult,
  DeferredBlocks,
  FrozenGeneration,
  FrozenVolume,
} from "../archive_port.ts";
import type { BlockPool } from "../block_pool.ts";
import type { BlockStore, BlockWriter } from "../block_store.ts";
import type { BlockReader } from "./block_reader.ts";
import type { Claim } from "./claim.ts";
import type { EngineContext } from "./context.ts";
import { DamageReport, type ReportedDamage } from "./damage_report.ts";
import { type FoldResult, foldVolume } from "./fold.ts";
import type { Pointers } from "./pointers.ts";
import { nextRecord } from "./next_record.ts";
import { publishRoots } from "./root_publisher.ts";
import { treeOf, type Views } from "./views.ts";
import type { Volume } from "./volumes.ts";

/** What a checkpoint works with. */
export interface CheckpointOptions {
  /** The engine's surroundings. */
  readonly context: EngineContext;
  /** The claim under which it publishes. */
  readonly claim: Claim;
  /** The state directory of this server, 32 hexadecimal digits. */
  readonly stateId: string;
  /** Where the written sectors lie. */
  readonly pool: BlockPool;
  /** The archive's blocks. */
  readonly blocks: BlockStore;
  /** Reads of them. */
  readonly reader: BlockReader;
  /** Pointer blocks. */
  readonly pointers: Pointers;
  /** The handles that the generation names. */
  readonly views: Views;
  /** Damage that was told of before. */
  readonly reported: ReportedDamage;
}

interface Folded extends FoldResult {
  readonly volume: Volume;
  /** As that of `DeferredBlocks`. */
  readonly unsettled: boolean;
  readonly view: number;
}

/** Folds a generation and publishes the new roots; moves the heads. */
export async function runCheckpoint(
  generation: FrozenGeneration,
  options: CheckpointOptions,
): Promise<CheckpointResult> {
  const { context, blocks } = options;
  const writer = blocks.write();
  const folded: Folded[] = [];
  for (const frozen of generation.volumes) {
    if (folded.some(({ view }) => view === frozen.view)) {
      throw new RangeError(`A generation names view ${frozen.view} twice`);
    }
    folded.push(await foldFrozen(frozen, writer, options));
  }
  // Where nothing but writes over damage was tried again there is no new state.
  const moved = folded.filter((each) =>
    each.deferred.length === 0 || countWritten(each) > 0
  );
  const timeMs = context.clock.nowMs();
  const by = { timeMs, epoch: options.claim.epoch, writerId: options.stateId };
  const states = moved.map((each) => {
    const { blocksNew, treeRoot, volume } = each;
    const record = nextRecord(volume.head, { treeRoot }, by);
    return { record, blocksWritten: countWritten(each), blocksNew };
  });
  const written = await publishRoots(states, writer, {
    ...options,
    beginWrite: () => blocks.write(),
    onPublished: (root, index) => {
      moved[index]!.volume.head = root;
    },
  });
  const roots = moved.map(({ view, volume: { head } }) => {
    return { view, sequence: head.record.sequence, rootHash: head.hash };
  });
  const deferred = folded.filter((each) => each.deferred.length > 0)
    .map(({ view, deferred, unsettled }): DeferredBlocks => ({
      view,
      blocks: deferred,
      ...(unsettled ? { unsettled } : {}),
    }));
  return {
    roots,
    ...(deferred.length === 0 ? {} : { deferred }),
    blocksNew: sum(folded, (each) => each.blocksNew),
    blocksDuplicate: sum(folded, (each) => each.blocksDuplicate),
    blocksZero: sum(folded, (each) => each.blocksZero),
    packBytes: written.byteCount,
    packCount: written.packs.length,
  };
}

async function foldFrozen(
  frozen: FrozenVolume,
  writer: BlockWriter,
  options: CheckpointOptions,
): Promise<Folded> {
  const { context, pool, reader, pointers, views, reported } = options;
  const { hasher, clock, onEvent } = context;
  const volume = views.writable(frozen.view);
  const report = new DamageReport();
  const result = await foldVolume(treeOf(volume.head.record), frozen, {
    pool,
    writer,
    reader,
    pointers,
    hasher,
    report,
    yieldNow: () => clock.yieldNow(),
  });
  report.emit({ onEvent, reported }, { name: volume.name });
  const { unsettled } = report;
  return { ...result, volume, view: frozen.view, unsettled };
}

function countWritten(
  { blocksNew, blocksDuplicate, blocksZero }: FoldResult,
): number {
  return blocksNew + blocksDuplicate + blocksZero;
}

function sum(
  folded: readonly Folded[],
  count: (each: Folded) => number,
): number {
  return folded.reduce((total, each) => total + count(each), 0);
}
