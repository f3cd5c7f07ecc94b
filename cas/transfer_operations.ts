/**
 * Operations for programs that move much data into or out of an archive, beside
 * its server if one runs. Blocks never pass through the server: packs are put
 * and read by the program itself, which asks only where blocks lie, and at the
 * end has a root published. Plain JSON, as all operations.
 *
 * @module
 */

import type { StateDescription } from "./volume_states.ts";

/** Scores asked about at once, at most: an answer stays below 64 KiB. */
export const LOCATE_COUNT_MAX = 1024;

/** Numbers of `LocatedBlocks.places` for each score. */
export const PLACE_LENGTH = 4;

/** Where blocks lie, in the order of the request. */
export interface LocatedBlocks {
  /** Names of packs, 64 hexadecimal digits. */
  readonly packs: readonly string[];
  /**
   * Four numbers for each score: place of the pack in `packs`, or -1 where no
   * pack is known to hold the block; first byte; stored bytes; a `Codec`.
   */
  readonly places: readonly number[];
  /** Which scores, by their order, have a block that did not verify when last read. */
  readonly suspects: readonly number[];
}

/** A tree whose blocks are all in the archive, to become a volume's content. */
export interface ImportedTree {
  /** The volume's name; it is made if it is missing. */
  readonly volume: string;
  /** Size in blocks of 4096 bytes; a volume grows to it, and never shrinks. */
  readonly blockCount: number;
  /** Score of the top pointer block, 64 hexadecimal digits; all 0 for zeros. */
  readonly treeRoot: string;
  /** Packs that were put for it, as far as the root is to name them. */
  readonly packs: readonly string[];
  /** Bytes of all packs that were put for it. */
  readonly packBytes: number;
  /** Data blocks read, those of zeros included. */
  readonly blocksWritten: number;
  /** Those of them that were stored for the first time. */
  readonly blocksNew: number;
}

/** What to look up, and how; see the operation. */
export interface LocateRequest {
  /** One after the other, in base64. */
  readonly scores: string;
  /** Whether unknown packs are looked for. */
  readonly thorough?: boolean;
  /** Whether another copy than the index names will do. */
  readonly anyCopy?: boolean;
}

/** The operations of transfers. */
export interface TransferOperations {
  /**
   * Where the blocks lie whose scores stand one after the other, in base64, at
   * most `LOCATE_COUNT_MAX` of them. With `thorough` packs that no root names
   * are looked for, once, where a block is missing. `anyCopy` as for
   * `BlockStore.locate`.
   */
  readonly "locate": {
    readonly request: LocateRequest;
    readonly result: LocatedBlocks;
  };
  /** Makes the blocks of packs findable that are durable in the store. */
  readonly "packs add": {
    readonly request: { readonly packs: readonly string[] };
    readonly result: Readonly<Record<never, never>>;
  };
  /** Whether a volume can take an image of so many blocks, and the size it would have then. */
  readonly "import check": {
    readonly request: { readonly volume: string; readonly blockCount: number };
    readonly result: { readonly blockCount: number };
  };
  /** Publishes a tree as the content of a volume: a new one, or one that nobody uses. */
  readonly "import": {
    readonly request: ImportedTree;
    readonly result: StateDescription;
  };
}
