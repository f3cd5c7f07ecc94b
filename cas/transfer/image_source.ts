/**
 * A raw image, in pieces. What it is read from comes from outside.
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import { mapInOrder } from "../packs/map_in_order.ts";

/** Blocks of a piece: 4 MiB, and as many scores as can be asked about at once. */
const PIECE_BLOCKS = 1024;
/** Pieces read ahead of their use. */
const PIECES_AHEAD = 2;

/** A raw image: a file or a block device. */
export interface ImageSource {
  /** What it is called in messages. */
  readonly display: string;
  /** Its size in bytes. */
  readonly byteCount: number;
  /** Bytes from `offset` on that are a hole, as far as can be told without reading; 0 where there is data. */
  holeLength(offset: number): number;
  /** Fills `into` with the bytes at `offset`. Rejects where it cannot be read or ends before. */
  read(offset: number, into: Uint8Array): Promise<void>;
}

/** Some blocks of an image. */
export interface ImagePiece {
  /** The first block. */
  readonly firstBlock: number;
  /** Whole blocks, the last one of the image filled up with zeros. */
  readonly bytes: Uint8Array;
}

/** Blocks of an image: its size, rounded up. */
export function blockCountOf({ byteCount }: ImageSource): number {
  return Math.ceil(byteCount / BLOCK_SIZE);
}

/** All pieces in order, without the holes; some are read ahead. */
export function imagePieces(
  source: ImageSource,
): AsyncGenerator<ImagePiece, void, undefined> {
  return mapInOrder(spans(source), PIECES_AHEAD + 1, async (span) => {
    const { firstBlock, blockCount } = span;
    const bytes = new Uint8Array(blockCount * BLOCK_SIZE);
    const offset = firstBlock * BLOCK_SIZE;
    const length = Math.min(bytes.length, source.byteCount - offset);
    await source.read(offset, bytes.subarray(0, length));
    return { firstBlock, bytes };
  });
}

interface Span {
  readonly firstBlock: number;
  readonly blockCount: number;
}

function* spans(source: ImageSource): Generator<Span, void, undefined> {
  const end = blockCountOf(source);
  let block = 0;
  while (block < end) {
    const offset = block * BLOCK_SIZE;
    const holeEnd = Math.min(
      offset + source.holeLength(offset),
      source.byteCount,
    );
    const skipped = holeEnd === source.byteCount
      ? end - block
      : Math.floor(holeEnd / BLOCK_SIZE) - block;
    if (skipped > 0) {
      block += skipped;
      continue;
    }
    const blockCount = Math.min(PIECE_BLOCKS, end - block);
    yield { firstBlock: block, blockCount };
    block += blockCount;
  }
}
