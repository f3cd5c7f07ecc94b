/**
 * Blocks of one tree, by number: tree, then packs, in batches.
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import { type BlockDamage, BlockKind } from "../block_store.ts";
import { FetchState } from "../archive_port.ts";
import type { BlockReader } from "./block_reader.ts";
import { gatherScores, isNullAt, scoreAt } from "../bytes.ts";
import type { DamageReport } from "./damage_report.ts";
import type { Tree } from "./geometry.ts";
import type { PointerAhead } from "./pointer_ahead.ts";
import type { Pointers } from "./pointers.ts";
import { lookup } from "./tree_lookup.ts";

/** Blocks resolved at once, which bounds the pointer blocks held. */
const BATCH_COUNT = 256;

/** What a fetch works with. */
export interface FetchOptions {
  /** Pointer blocks. */
  readonly pointers: Pointers;
  /** Brings more of them in time, where the blocks are read by a client. */
  readonly ahead?: PointerAhead;
  /** Data blocks. */
  readonly reader: BlockReader;
  /** Takes the damage. */
  readonly report: DamageReport;
  /** What no pack is known to hold is `FetchState.Unknown`, and not reported. */
  readonly leavesUnknown?: boolean;
}

/** Takes a verified block, borrowed until it returns; `index` is its place in the request. */
export type FetchedBlock = (index: number, block: Uint8Array) => void;

/**
 * Fetches blocks of a tree in any order and gives a `FetchState` for each.
 * `receive` is called for those that are neither zeros nor damaged.
 */
export async function fetchBlocks(
  tree: Tree,
  blocks: Float64Array,
  receive: FetchedBlock,
  options: FetchOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const states = new Uint8Array(blocks.length);
  for (let start = 0; start < blocks.length; start += BATCH_COUNT) {
    const batch = blocks.subarray(start, start + BATCH_COUNT);
    await fetchBatch(tree, batch, {
      ...options,
      states: states.subarray(start, start + BATCH_COUNT),
      receive: (index, block) => receive(start + index, block),
    });
  }
  return states;
}

interface BatchOptions extends FetchOptions {
  readonly states: Uint8Array;
  readonly receive: FetchedBlock;
}

async function fetchBatch(
  tree: Tree,
  blocks: Float64Array,
  options: BatchOptions,
): Promise<void> {
  const { pointers, reader, report, states, receive } = options;
  options.ahead?.note(tree, blocks);
  const stateOf = (damage: BlockDamage | undefined): number =>
    options.leavesUnknown && damage !== undefined && damage.pack === undefined
      ? FetchState.Unknown
      : FetchState.Damaged;
  const found = await lookup(pointers, tree, blocks);
  report.addPointers(
    found.damages.filter((it) => stateOf(it) === FetchState.Damaged),
  );
  const indexes: number[] = [];
  for (let index = 0; index < blocks.length; index++) {
    const damage = found.damages[found.damageOf[index]!];
    if (damage !== undefined) states[index] = stateOf(damage);
    else if (isNullAt(found.scores, index)) states[index] = FetchState.Zero;
    else indexes.push(index);
  }
  if (indexes.length === 0) return;
  const wanted = indexes.length === blocks.length
    ? found.scores
    : gatherScores(found.scores, indexes);
  await reader.read(BlockKind.Data, wanted, (place, block, damage) => {
    const index = indexes[place]!;
    if (block !== undefined && block.length === BLOCK_SIZE) {
      states[index] = FetchState.Filled;
      receive(index, block);
      return;
    }
    states[index] = stateOf(damage);
    if (states[index] === FetchState.Unknown) return;
    const score = scoreAt(wanted, place).toHex();
    const reason = `it has ${block?.length} bytes instead of ${BLOCK_SIZE}`;
    report.addBlock(blocks[index]!, score, damage ?? { reason });
  });
}
