/**
 * A state of a volume as a raw image: every block is verified on its way, and
 * zeros are neither stored nor read.
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import { type BlockDamage, BlockKind, SCORE_LENGTH } from "../block_store.ts";
import { equalBytes, fromHex, isNullAt, scoreAt } from "../bytes.ts";
import { POINTERS_PER_BLOCK, type Tree } from "../engine/geometry.ts";
import { isPointerBlock, Pointers } from "../engine/pointers.ts";
import { decodeRoot } from "../engine/root.ts";
import { treeOf } from "../engine/views.ts";
import { ArchiveError } from "../errors.ts";
import { mapInOrder } from "../packs/map_in_order.ts";
import type { Hasher } from "../score.ts";
import { PlacedBlocks } from "./placed_blocks.ts";
import type { ProgressSink, TransferContext } from "./transfer_context.ts";

/** Pointer blocks of level 1 whose data is fetched at once: 4 MiB. */
const LEAVES_AT_ONCE = 8;
const GROUP_BYTES: number = LEAVES_AT_ONCE * POINTERS_PER_BLOCK * BLOCK_SIZE;
/** Fetches under way. */
const FETCHES_AHEAD = 3;
const POINTER_CACHE_BYTES_MAX: number = 8 * 2 ** 20;

/** Where an image is written, in ascending order. */
export interface ImageSink {
  /** Bytes that are there already, so that what is right is not fetched again; undefined where nothing can be. */
  readBack?(offset: number, length: number): Promise<Uint8Array | undefined>;
  /** Writes whole blocks, borrowed. What is neither written nor kept is zeros. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Told in order with the writes: these bytes were read back, and are right. */
  keep?(offset: number, length: number): Promise<void>;
  /** Everything was written: the image has so many bytes. */
  finish(byteCount: number): Promise<void>;
}

/** What an export did. */
export interface ExportResult {
  /** Size of the image in bytes. */
  readonly byteCount: number;
  /** Blocks that are not zeros. */
  readonly blocksWritten: number;
  /** Blocks that were there already, verified. */
  readonly blocksKept: number;
}

/**
 * Writes the state with this root hash, 64 hexadecimal digits. Rejects with
 * `Damaged`, which names block and pack, at the first block that cannot be had.
 */
export async function exportState(
  rootHash: string,
  sink: ImageSink,
  context: TransferContext,
  progress: ProgressSink,
): Promise<ExportResult> {
  const blocks = new PlacedBlocks(context);
  try {
    const tree = await readTree(rootHash, blocks);
    const byteCount = tree.blockCount * BLOCK_SIZE;
    const pointers = new Pointers(blocks, POINTER_CACHE_BYTES_MAX);
    const { hasher } = context;
    const fetching: Fetching = { blocks, sink, hasher, idle: [] };
    const fetched = mapInOrder(
      groups(leavesOf(tree, pointers), LEAVES_AT_ONCE),
      FETCHES_AHEAD,
      (leaves) => fetchLeaves(leaves, fetching),
    );
    let blocksWritten = 0;
    let blocksKept = 0;
    for await (const { runs, end, memory } of fetched) {
      for (const { firstBlock, blockCount, bytes } of runs) {
        const offset = firstBlock * BLOCK_SIZE;
        if (bytes === undefined) {
          await sink.keep?.(offset, blockCount * BLOCK_SIZE);
          blocksKept += blockCount;
        } else {
          await sink.write(offset, bytes);
          blocksWritten += blockCount;
        }
      }
      fetching.idle.push(memory);
      const bytesDone = Math.min(end * BLOCK_SIZE, byteCount);
      progress({ bytesDone, bytesTotal: byteCount });
    }
    await sink.finish(byteCount);
    progress({ bytesDone: byteCount, bytesTotal: byteCount });
    return { byteCount, blocksWritten, blocksKept };
  } finally {
    blocks.close();
  }
}

/** The tree of a root, whose record is verified by its hash. */
async function readTree(
  rootHash: string,
  blocks: PlacedBlocks,
): Promise<Tree> {
  let tree: Tree | undefined;
  let reason = "no pack is known to hold it";
  await blocks.read(BlockKind.Root, fromHex(rootHash), (_, block, damage) => {
    if (block === undefined) reason = damage?.reason ?? reason;
    else tree = treeOf(decodeRoot(block));
  });
  if (tree !== undefined) return tree;
  throw new ArchiveError(
    "Damaged",
    `Cannot read the record of root ${rootHash}: ${reason}; mend its pack with "repair --from URL", URL being a copy of the store`,
  );
}

/** A pointer block of level 1. */
export interface Leaf {
  /** The first data block below it. */
  readonly firstBlock: number;
  /** 128 scores. */
  readonly scores: Uint8Array;
}

/** All pointer blocks of level 1, in order. Rejects with `Damaged`. */
async function* leavesOf(
  tree: Tree,
  pointers: Pointers,
): AsyncGenerator<Leaf, void, undefined> {
  if (isNullAt(tree.root, 0)) return;
  yield* below(tree.depth, [0], tree.root, pointers);
}

/** Below pointer blocks of one level; holds 128 of each level. */
async function* below(
  level: number,
  positions: readonly number[],
  scores: Uint8Array,
  pointers: Pointers,
): AsyncGenerator<Leaf, void, undefined> {
  const loaded = await pointers.load(level, scores);
  for (const [place, pointer] of loaded.entries()) {
    const position = positions[place]!;
    if (!isPointerBlock(pointer)) {
      const firstBlock = position * POINTERS_PER_BLOCK ** level;
      throw damaged(firstBlock, scoreAt(scores, place), pointer);
    }
    if (level === 1) {
      const firstBlock = position * POINTERS_PER_BLOCK;
      yield { firstBlock, scores: pointer };
      continue;
    }
    const entries = presentEntries(pointer);
    yield* below(
      level - 1,
      entries.map((entry) => position * POINTERS_PER_BLOCK + entry),
      gather(pointer, entries),
      pointers,
    );
  }
}

function presentEntries(pointer: Uint8Array): number[] {
  const entries: number[] = [];
  for (let entry = 0; entry < POINTERS_PER_BLOCK; entry++) {
    if (!isNullAt(pointer, entry)) entries.push(entry);
  }
  return entries;
}

function gather(pointer: Uint8Array, entries: readonly number[]): Uint8Array {
  const scores = new Uint8Array(entries.length * SCORE_LENGTH);
  entries.forEach((entry, place) =>
    scores.set(scoreAt(pointer, entry), place * SCORE_LENGTH)
  );
  return scores;
}

interface Fetching {
  readonly blocks: PlacedBlocks;
  readonly sink: ImageSink;
  readonly hasher: Hasher;
  /** Memory for the blocks of a group that nothing is done with; new memory costs as much as to fill it. */
  readonly idle: Uint8Array[];
}

/** Neighbouring blocks. */
interface BlockRun {
  readonly firstBlock: number;
  readonly blockCount: number;
  /** To be written; the sink has them when absent. */
  readonly bytes?: Uint8Array;
}

interface FetchedLeaves {
  /** All blocks that are not zeros, in order. */
  readonly runs: readonly BlockRun[];
  /** The block behind the last. */
  readonly end: number;
  /** What the bytes of the runs lie in. */
  readonly memory: Uint8Array;
}

interface LeafBlock {
  readonly block: number;
  readonly score: Uint8Array;
}

async function fetchLeaves(
  leaves: readonly Leaf[],
  fetching: Fetching,
): Promise<FetchedLeaves> {
  const wanted: LeafBlock[] = [];
  const kept: LeafBlock[] = [];
  for (const leaf of leaves) {
    const isKept = await keptBlocks(leaf, fetching);
    for (const block of blocksOf(leaf)) {
      (isKept(block) ? kept : wanted).push(block);
    }
  }
  const memory = fetching.idle.pop() ?? new Uint8Array(GROUP_BYTES);
  const runs = await fetchRuns(wanted, fetching.blocks, memory);
  return {
    runs: [...runs, ...runsOf(kept)].sort((left, right) =>
      left.firstBlock - right.firstBlock
    ),
    end: leaves.at(-1)!.firstBlock + POINTERS_PER_BLOCK,
    memory,
  };
}

function blocksOf({ firstBlock, scores }: Leaf): LeafBlock[] {
  return presentEntries(scores).map((entry) => ({
    block: firstBlock + entry,
    score: scoreAt(scores, entry),
  }));
}

/** Tells which blocks of a leaf the sink has. */
async function keptBlocks(
  { firstBlock }: Leaf,
  { sink, hasher }: Fetching,
): Promise<(block: LeafBlock) => boolean> {
  const there = await sink.readBack?.(
    firstBlock * BLOCK_SIZE,
    POINTERS_PER_BLOCK * BLOCK_SIZE,
  );
  const found = new Uint8Array(SCORE_LENGTH);
  return ({ block, score }): boolean => {
    const at = (block - firstBlock) * BLOCK_SIZE;
    const bytes = there?.subarray(at, at + BLOCK_SIZE);
    if (bytes?.length !== BLOCK_SIZE) return false;
    hasher.score(BlockKind.Data, bytes, found);
    return equalBytes(found, score);
  };
}

/** Fetches blocks into `bytes`, one after the other. */
async function fetchRuns(
  wanted: readonly LeafBlock[],
  blocks: PlacedBlocks,
  bytes: Uint8Array,
): Promise<BlockRun[]> {
  const scores = new Uint8Array(wanted.length * SCORE_LENGTH);
  wanted.forEach(({ score }, place) => scores.set(score, place * SCORE_LENGTH));
  await blocks.read(BlockKind.Data, scores, (place, block, damage) => {
    if (block?.length === BLOCK_SIZE) {
      bytes.set(block, place * BLOCK_SIZE);
      return;
    }
    const { block: number, score } = wanted[place]!;
    throw damaged(number, score, damage ?? { reason: "its length is wrong" });
  });
  let done = 0;
  return runsOf(wanted).map((run) => {
    const start = done;
    done += run.blockCount * BLOCK_SIZE;
    return { ...run, bytes: bytes.subarray(start, done) };
  });
}

/** Ascending blocks, as runs. */
function runsOf(blocks: readonly LeafBlock[]): BlockRun[] {
  const runs: BlockRun[] = [];
  let start = 0;
  for (let place = 1; place <= blocks.length; place++) {
    const { block } = blocks[place - 1]!;
    if (blocks[place]?.block === block + 1) continue;
    const firstBlock = blocks[start]!.block;
    runs.push({ firstBlock, blockCount: place - start });
    start = place;
  }
  return runs;
}

function damaged(
  block: number,
  score: Uint8Array,
  { pack, reason }: BlockDamage,
): ArchiveError {
  const where = pack === undefined ? "" : ` of pack ${pack}`;
  return new ArchiveError(
    "Damaged",
    `Cannot read the state from byte ${
      block * BLOCK_SIZE
    } on: block ${score.toHex()}${where} is damaged, ${reason}; mend the pack with "repair --from URL", URL being a copy of the store, and run the command again`,
  );
}

async function* groups<T>(
  items: AsyncIterable<T>,
  count: number,
): AsyncGenerator<T[], void, undefined> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < count) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
