/**
 * A raw image into a volume. Packs are put by this program, past every journal;
 * at the end one root is published, so that nobody sees half an image.
 *
 * There is no file that says how far an import came: a second one of the same
 * image finds what the first one stored, and only has to score it. So it does
 * not matter how the first one ended, nor whether the image has changed.
 *
 * @module
 */

import type { StateDescription } from "../volume_states.ts";
import { BLOCK_SIZE } from "../block_pool.ts";
import {
  BlockKind,
  type BlockStore,
  type BlockWriter,
  SCORE_LENGTH,
} from "../block_store.ts";
import { isZero, scoreAt } from "../bytes.ts";
import { MemoryIndex } from "../index/memory_index.ts";
import { mapInOrder } from "../packs/map_in_order.ts";
import { openPacks } from "../packs/open_packs.ts";
import {
  LOCATE_COUNT_MAX,
  type LocatedBlocks,
} from "../transfer_operations.ts";
import {
  blockCountOf,
  type ImagePiece,
  imagePieces,
  type ImageSource,
} from "./image_source.ts";
import { isStored, locate } from "./placed_blocks.ts";
import type { ProgressSink, TransferContext } from "./transfer_context.ts";
import { TreeBuilder } from "./tree_builder.ts";

/** New blocks between two steps: 256 MiB. After a step the archive knows them. */
const STEP_BLOCKS = 65_536;
/**
 * Packs that the root names; of an import of more than 64 GiB of new data the
 * others are found as those of a crash are, so that a root stays small.
 */
const PACKS_NAMED_MAX = 4096;
/** Pieces whose places are asked for ahead of their use. */
const PIECES_LOCATED_AHEAD = 2;

/** What an import did. */
export interface ImportResult {
  /** The new state of the volume. */
  readonly state: StateDescription;
  /** Data blocks stored by this import. */
  readonly blocksNew: number;
  /** Data blocks that were stored before, or twice in the image. */
  readonly blocksDuplicate: number;
  /** Blocks of zeros, holes included. */
  readonly blocksZero: number;
  /** Bytes of the packs that were put. */
  readonly packBytes: number;
  /** Number of them. */
  readonly packCount: number;
}

/**
 * Imports an image: `volume` is made, or gets it as its new content, followed by
 * zeros where it is larger. Rejects as the operation `import` does.
 */
export async function importImage(
  source: ImageSource,
  volume: string,
  context: TransferContext,
  progress: ProgressSink,
): Promise<ImportResult> {
  const { blockCount } = await context.archive.operate("import check", {
    volume,
    blockCount: blockCountOf(source),
  });
  const run = new Import(blockCount, context);
  try {
    const located = mapInOrder(
      imagePieces(source),
      PIECES_LOCATED_AHEAD,
      (piece) => locatePiece(piece, context),
    );
    const bytesTotal = source.byteCount;
    for await (const piece of located) {
      await run.add(piece);
      const end = piece.firstBlock * BLOCK_SIZE + piece.bytes.length;
      progress({ bytesDone: Math.min(end, bytesTotal), bytesTotal });
    }
    const result = await run.finish(volume, blockCountOf(source));
    progress({ bytesDone: bytesTotal, bytesTotal });
    return result;
  } finally {
    await run.close();
  }
}

/** A piece whose blocks are scored and looked up. */
export interface LocatedPiece extends ImagePiece {
  /** The blocks that are not zeros, by their order in the piece. */
  readonly blocks: readonly number[];
  /** Their scores, one after the other. */
  readonly scores: Uint8Array;
  /** Where they lie. */
  readonly located: LocatedBlocks;
}

/** Scores the blocks of a piece that are not zeros, and looks them up. */
export async function locatePiece(
  piece: ImagePiece,
  context: Pick<TransferContext, "archive" | "hasher">,
): Promise<LocatedPiece> {
  const blocks: number[] = [];
  const count = piece.bytes.length / BLOCK_SIZE;
  const scores = new Uint8Array(count * SCORE_LENGTH);
  for (let index = 0; index < count; index++) {
    const block = blockAt(piece, index);
    if (isZero(block)) continue;
    const offset = blocks.length * SCORE_LENGTH;
    context.hasher.score(BlockKind.Data, block, scores, offset);
    blocks.push(index);
  }
  const found = scores.subarray(0, blocks.length * SCORE_LENGTH);
  const located = blocks.length === 0
    ? { packs: [], places: [], suspects: [] }
    : await locate(context, found);
  return { ...piece, blocks, scores: found, located };
}

/** The `index`-th block of a piece: a view. */
export function blockAt({ bytes }: ImagePiece, index: number): Uint8Array {
  return bytes.subarray(index * BLOCK_SIZE, (index + 1) * BLOCK_SIZE);
}

interface PendingPointer {
  readonly level: number;
  readonly score: Uint8Array;
  readonly block: Uint8Array;
}

class Import {
  readonly #context: TransferContext;
  readonly #blockCount: number;
  readonly #tree: TreeBuilder;
  /** Complete pointer blocks that may be stored already. */
  #pending: PendingPointer[] = [];
  readonly #packs: string[] = [];
  #step: { readonly packs: BlockStore; readonly writer: BlockWriter };
  /** The step before: pieces may have been looked up before it ended. */
  #stepBefore: BlockStore | undefined;
  #stepBlocks = 0;
  #packCount = 0;
  #packBytes = 0;
  #blocksNew = 0;
  #blocksDuplicate = 0;

  constructor(blockCount: number, context: TransferContext) {
    this.#context = context;
    this.#blockCount = blockCount;
    this.#tree = new TreeBuilder(
      blockCount,
      context.hasher,
      (level, score, block) =>
        this.#pending.push({
          level,
          score: score.slice(),
          block: block.slice(),
        }),
    );
    this.#step = this.#beginStep();
  }

  async add(piece: LocatedPiece): Promise<void> {
    for (const [order, index] of piece.blocks.entries()) {
      const score = scoreAt(piece.scores, order);
      this.#tree.append(piece.firstBlock + index, score);
      const isNew = !isStored(piece.located, order) &&
        await this.#store(BlockKind.Data, score, blockAt(piece, index));
      if (isNew) this.#blocksNew++;
      else this.#blocksDuplicate++;
    }
    if (this.#pending.length >= LOCATE_COUNT_MAX) await this.#storePointers();
    if (this.#stepBlocks >= STEP_BLOCKS) await this.#endStep();
  }

  async finish(volume: string, blocksRead: number): Promise<ImportResult> {
    const treeRoot = this.#tree.finish().toHex();
    await this.#endStep();
    const state = await this.#context.archive.operate("import", {
      volume,
      blockCount: this.#blockCount,
      treeRoot,
      packs: this.#packs,
      packBytes: this.#packBytes,
      blocksWritten: blocksRead,
      blocksNew: this.#blocksNew,
    });
    return {
      state,
      blocksNew: this.#blocksNew,
      blocksDuplicate: this.#blocksDuplicate,
      blocksZero: blocksRead - this.#blocksNew - this.#blocksDuplicate,
      packBytes: this.#packBytes,
      packCount: this.#packCount,
    };
  }

  async close(): Promise<void> {
    await this.#stepBefore?.close();
    await this.#step.packs.close();
  }

  /** Memory of a step: what it stored is known to the writer alone. */
  #beginStep(): { packs: BlockStore; writer: BlockWriter } {
    const packs = openPacks({ ...this.#context, index: new MemoryIndex() });
    return { packs, writer: packs.write() };
  }

  /** Makes what was stored durable, and known to the archive. */
  async #endStep(): Promise<void> {
    await this.#storePointers();
    const { packs, byteCount } = await this.#step.writer.finish();
    await this.#stepBefore?.close();
    this.#stepBefore = this.#step.packs;
    if (packs.length > 0) {
      await this.#context.archive.operate("packs add", { packs });
    }
    this.#packs.push(...packs.slice(0, PACKS_NAMED_MAX - this.#packs.length));
    this.#packCount += packs.length;
    this.#packBytes += byteCount;
    this.#stepBlocks = 0;
    this.#step = this.#beginStep();
  }

  async #storePointers(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, LOCATE_COUNT_MAX);
      const scores = new Uint8Array(batch.length * SCORE_LENGTH);
      batch.forEach(({ score }, index) =>
        scores.set(score, index * SCORE_LENGTH)
      );
      const located = await locate(this.#context, scores);
      for (const [index, { level, score, block }] of batch.entries()) {
        if (!isStored(located, index)) await this.#store(level, score, block);
      }
    }
  }

  /** Stores a block unless this step or the one before has it; true if it was new. */
  #store(
    kind: number,
    score: Uint8Array,
    block: Uint8Array,
  ): boolean | Promise<boolean> {
    if (this.#stepBefore?.locate(score, 0) !== undefined) return false;
    this.#stepBlocks++;
    return this.#step.writer.add(kind, score, block);
  }
}
