/**
 * What an image would cost in an archive. Nothing is written.
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import { SCORE_LENGTH } from "../block_store.ts";
import { BlockCodec } from "../codec/block_codec.ts";
import { ScoreSample } from "../engine/score_sample.ts";
import { mapInOrder } from "../packs/map_in_order.ts";
import { blockAt, locatePiece } from "./image_import.ts";
import { blockCountOf, imagePieces, type ImageSource } from "./image_source.ts";
import { isStored } from "./placed_blocks.ts";
import type { ProgressSink, TransferContext } from "./transfer_context.ts";

const PIECES_LOCATED_AHEAD = 2;

/**
 * What storing an image comes to. Blocks of 4096 bytes. Counted exactly up to
 * 262,144 distinct new ones; beyond, estimated from a sample within about 0.3 %.
 */
export interface ImageEstimate {
  /** Of the image. */
  readonly blockCount: number;
  /** Of zeros, which cost nothing. */
  readonly blocksZero: number;
  /** In the archive already. */
  readonly blocksStored: number;
  /** Not in the archive, every repetition counted. */
  readonly blocksMissing: number;
  /** Distinct ones of these: what would be stored. */
  readonly blocksNew: number;
  /** Bytes that these take, compressed. */
  readonly storedBytes: number;
  /** True when the last two are estimates. */
  readonly estimated: boolean;
}

/** Reads an image and tells what it would cost. */
export async function estimateImage(
  source: ImageSource,
  context: Pick<TransferContext, "archive" | "hasher" | "lz4">,
  progress: ProgressSink,
): Promise<ImageEstimate> {
  const codec = new BlockCodec(context.lz4);
  let sampled = new Uint8Array(0);
  const sample = new ScoreSample(() => codec.encode(sampled).bytes.length);
  let blocksStored = 0;
  let blocksMissing = 0;
  const bytesTotal = source.byteCount;
  const located = mapInOrder(
    imagePieces(source),
    PIECES_LOCATED_AHEAD,
    (piece) => locatePiece(piece, context),
  );
  for await (const piece of located) {
    for (const [order, index] of piece.blocks.entries()) {
      if (isStored(piece.located, order)) {
        blocksStored++;
        continue;
      }
      blocksMissing++;
      sampled = blockAt(piece, index) as Uint8Array<ArrayBuffer>;
      sample.add(piece.scores, order * SCORE_LENGTH);
    }
    const end = piece.firstBlock * BLOCK_SIZE + piece.bytes.length;
    progress({ bytesDone: Math.min(end, bytesTotal), bytesTotal });
  }
  progress({ bytesDone: bytesTotal, bytesTotal });
  const blockCount = blockCountOf(source);
  const { uniqueCount: blocksNew, storedBytes, estimated } = sample.counts;
  return {
    blockCount,
    blocksZero: blockCount - blocksStored - blocksMissing,
    blocksStored,
    blocksMissing,
    blocksNew,
    storedBytes,
    estimated,
  };
}
