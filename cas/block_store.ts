/**
 * What the tree and the checkpoint need of the packs: blocks by score. The
 * packs implement it over a blob store and the index.
 *
 * @module
 */

import type { Shortage } from "./archive_port.ts";
import type { IndexStatistics } from "./index/score_index.ts";

/** Bytes of a score: a BLAKE3 hash of 256 bits. */
export const SCORE_LENGTH = 32;

/**
 * What a block is. Kinds are separate domains: the score of each is hashed
 * with a key of its own (data: none), so that a client can never write a data
 * block that passes for a pointer block or a root record.
 */
export const BlockKind = {
  /** 4096 bytes of a client's disk. */
  Data: 0,
  /** Level 1: 128 scores of data blocks. Levels 2 to 7 follow as 2 to 7. */
  PointerFirst: 1,
  /** The highest pointer level: 128^7 blocks are 2^61 bytes. */
  PointerLast: 7,
  /** A root record, of any length up to 4096 bytes. */
  Root: 128,
} as const;

/** Why a block could not be had. */
export interface BlockDamage {
  /** The pack it should be in; absent when no pack is known to hold it. */
  readonly pack?: string;
  /** What was found, as half a sentence: "its score is …". */
  readonly reason: string;
  /** True where it may be found yet, by what is under way. */
  readonly unsettled?: boolean;
}

/** Where a stored block lies. */
export interface BlockPlace {
  /** The name of its pack. */
  readonly pack: string;
  /** First byte within the pack. */
  readonly offset: number;
  /** Stored bytes. */
  readonly length: number;
  /** A `Codec`. */
  readonly codec: number;
  /** True when it did not verify when it was last read, or is not proven. */
  readonly suspect: boolean;
}

/** A block that a pack should hold and does not. */
export interface BadBlock {
  /** A `BlockKind`. */
  readonly kind: number;
  /** The first 20 bytes of its score: no more of it is in a directory. */
  readonly key: Uint8Array;
  /** First byte within the pack. */
  readonly offset: number;
  /** Stored bytes. */
  readonly length: number;
}

/** What reading all bytes of a pack has shown. */
export interface PackVerdict {
  /** Bytes read. */
  readonly byteCount: number;
  /** Blocks in its directory. */
  readonly blockCount: number;
  /** What is wrong with it, as half a sentence; absent when it is as it was stored. */
  readonly fault?: string;
  /** Blocks that do not verify. */
  readonly bad: readonly BadBlock[];
}

/**
 * Takes one block of a `read`. `block` is borrowed until the call returns and
 * is undefined when the block is damaged.
 */
export type BlockReceiver = (
  index: number,
  block: Uint8Array | undefined,
  damage: BlockDamage | undefined,
) => void;

/** Takes what a `probe` found of one block: its damage, or undefined where it is sound. */
export type ProbeReceiver = (
  index: number,
  damage: BlockDamage | undefined,
) => void;

/** What one checkpoint wrote. */
export interface WrittenPacks {
  /** Names of the packs, in the order written. */
  readonly packs: readonly string[];
  /** Bytes of all of them. */
  readonly byteCount: number;
}

/** Adds the blocks of one checkpoint. */
export interface BlockWriter {
  /**
   * Which of the scores that stand one after the other in `scores` the archive
   * certainly has no block of: 1 each. To be asked for all blocks that are added
   * next: it costs a fraction of looking each up.
   */
  findNew(scores: Uint8Array): Uint8Array;

  /**
   * Stores a block unless it is stored already, in the archive or in this
   * writer; tells whether it was new. `score` and `block` are copied. With
   * `isNew`, which is what `findNew` said, the archive is not looked through.
   * Returns a promise only when packs must first be put to bound the memory.
   */
  add(
    kind: number,
    score: Uint8Array,
    block: Uint8Array,
    isNew?: boolean,
  ): boolean | Promise<boolean>;

  /** Puts what is left. When it resolves every block is durable and readable. */
  finish(): Promise<WrittenPacks>;
}

/** All blocks of an archive, by score. */
export interface BlockStore {
  /**
   * Reads the blocks whose scores stand one after the other in `scores`,
   * verifying each. `receive` is called once for every one of them, in any
   * order, before the promise resolves, and never after it has settled. A block
   * that is missing or wrong is delivered as damage; a store that does not answer
   * is retried for ever. `scores` is borrowed until then.
   *
   * It never waits for an index that is made anew. What the index of before finds
   * is delivered meanwhile; the rest as damage that is `unsettled`: `mend` waits.
   */
  read(
    kind: number,
    scores: Uint8Array,
    receive: BlockReceiver,
  ): Promise<void>;

  /**
   * As `read` of blocks of whose scores only the first 20 bytes are known, as
   * directories have them; each stands in 32 bytes. It tells whether they are
   * sound where they lie, and delivers none: so much of a score proves no block.
   */
  probe(
    kind: number,
    scores: Uint8Array,
    receive: ProbeReceiver,
  ): Promise<void>;

  /**
   * Where the block lies whose score stands at `offset` of `scores`, without
   * reading it; undefined where no pack is known to hold it. While the index is
   * made anew what the one before says is suspect. With `anyCopy` it may be
   * another copy than the index names, in a pack whose directory is remembered,
   * or is then read: quicker for many that lie together.
   */
  locate(
    scores: Uint8Array,
    offset: number,
    anyCopy?: boolean,
  ): BlockPlace | undefined;

  /** Begins to write. One writer at a time. */
  write(): BlockWriter;

  /** Why writers are refused until a person makes room, where that is so. */
  readonly shortage: Shortage | undefined;

  /** True if this pack's blocks can be found by score. */
  knowsPack(name: string): boolean;

  /** Names of all packs whose blocks can be found by score. */
  knownPacks(): Iterable<string>;

  /** Relies on these packs no more, and on all others again: a block of theirs is stored again when it is written. */
  forsakePacks(names: Iterable<string>): void;

  /** Relies on one more pack no more. */
  forsakePack(name: string): void;

  /** Makes the blocks of these packs findable, reading their directories. */
  addPacks(names: readonly string[]): Promise<void>;

  /** Reads and verifies all bytes of a pack and each of its blocks; the index stays as it is. */
  verifyPack(
    name: string,
    yieldNow: () => Promise<void>,
  ): Promise<PackVerdict>;

  /**
   * Makes the index anew if it was found damaged, or waits until it is; how often
   * that was done since it was opened. What was not located before may be there
   * all the same.
   */
  mend(progress?: (packsDone: number) => void): Promise<number>;

  /** While the index is made anew: from how many packs so far. */
  readonly packsIndexed: number | undefined;

  /** True if the index has entries that no directory of a pack has proven. */
  readonly restsOnCopies: boolean;

  /** Makes the index anew from the directory of every pack in the blob store. */
  rebuild(progress?: (packsDone: number) => void): Promise<void>;

  /**
   * The same, but takes what copies of the index in the store have from them.
   * No block counts as stored because of a copy alone.
   */
  fill(progress?: (packsDone: number) => void): Promise<void>;

  /** Compares what copies said of these scores with the packs, before `locate` is asked. */
  prove(scores: Uint8Array): Promise<void>;

  /** Makes the index anew if it rests on copies; true if it did. What was not located before may be there all the same. */
  dropCopies(progress?: (packsDone: number) => void): Promise<boolean>;

  /** Puts a copy of the index of packs that are in none, if there are enough; what goes wrong is only told. */
  copyIndex(): Promise<void>;

  /** How the index is doing. */
  readonly index: IndexStatistics;

  /** True when no pack is known: a new archive, or a lost index. */
  readonly empty: boolean;

  /** Lets go of the index's files. */
  close(): Promise<void>;
}
