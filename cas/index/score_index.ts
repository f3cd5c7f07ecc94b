/**
 * The index: from a score to the pack that holds its block. It is a cache:
 * everything in it comes from the directories of the packs.
 *
 * An index may have forgotten packs, newest first. It never claims to know a
 * pack while it lacks one of the entries it was given for it, and it never takes
 * damaged bytes of its own for an answer: it throws `IndexDamagedError` instead.
 *
 * Of a pack whose directory is damaged those entries are given that could be
 * saved, and the pack counts as known: else it would be read as a whole, and
 * reported, whenever unknown packs are looked for. When its file is whole again,
 * only an index that is made anew has the rest.
 *
 * @module
 */

/** Where a stored block lies. One object serves many calls of `get`. */
export interface BlockLocation {
  /** Number of the pack within this index. */
  pack: number;
  /** First byte within the pack. */
  offset: number;
  /** How many bytes. */
  length: number;
  /** A `Codec`. */
  codec: number;
  /** The block did not verify when it was last read. */
  suspect: boolean;
  /** Only a copy of the index says so, not the directory of the pack. */
  unproven: boolean;
  /** Finding it took a read of the index's files. */
  paged: boolean;
}

/** What an index takes from a pack: `count` entries, in parallel arrays. */
export interface IndexEntries {
  /** How many. */
  readonly count: number;
  /** The first 20 bytes of each one's score: `KEY_LENGTH`. */
  readonly keys: Uint8Array;
  /** First byte within the pack. */
  readonly offsets: Uint32Array;
  /** Stored bytes, 1 to 4096. */
  readonly lengths: Uint16Array;
  /** A `Codec` each. */
  readonly codecs: Uint8Array;
  /** True where they come from a copy of the index, not from the directory of the pack. */
  readonly unproven?: boolean;
}

/** How an index is doing. */
export interface IndexStatistics {
  /** Entries, an old one of the same score counted until it is merged away. */
  readonly entryCount: number;
  /**
   * Those of them that `getCheaply` passes over, because the memory that the
   * index may take is used up: their blocks may be stored twice.
   */
  readonly passedOverCount: number;
  /** Bytes of memory that it takes in proportion to its entries. */
  readonly memoryBytes: number;
  /** Pages read to answer questions, by the runs there are. */
  readonly pageReads: number;
}

/**
 * What an index knew before it was begun anew: hints for reads, which verify
 * what they find. It never throws: what is damaged of it is not found.
 */
export type FormerIndex = Pick<
  ScoreIndex,
  "get" | "suspect" | "packName" | "generation"
>;

/**
 * Adds many packs at once, of which none takes the place of another: of entries
 * with the same score the first one counts. They are found when it has ended.
 */
export interface IndexFill {
  /**
   * Adds a pack that is not known; false where none of its entries was taken,
   * and it is not known still. Rejects as `ScoreIndex.addPack` does.
   */
  addPack(name: string, entries: IndexEntries): Promise<boolean>;

  /**
   * Ends it. The names of those packs that are known now, and had entries that
   * were not taken, because another pack has one of the same score, or for want
   * of memory: they are to be added again.
   */
  finish(): Promise<ReadonlySet<string>>;

  /** Gives it up, and resolves when nothing of it goes on; without effect after its end. */
  discard(): Promise<void>;
}

/** From scores to locations. Belongs to the archive thread. */
export interface ScoreIndex {
  /** How often it was begun anew: numbers of packs of before mean nothing now. */
  readonly generation: number;

  /** While it is made anew, or could not be: what it knew before. */
  readonly former: FormerIndex | undefined;

  /** True if unproven entries were added since it was made anew. */
  readonly restsOnCopies: boolean;

  /** How many packs are known; their numbers are less than this. */
  readonly packCount: number;

  /** How it is doing. */
  readonly statistics: IndexStatistics;

  /** Why no more packs are taken, where a person has to make room for its files. */
  readonly shortage: string | undefined;

  /**
   * Finds the score at `offset` of `scores`, by its first 20 bytes, and fills
   * `location`; false where there is none. Throws `IndexDamagedError`.
   */
  get(scores: Uint8Array, offset: number, location: BlockLocation): boolean;

  /**
   * As `get`, but may miss a score rather than read from disk for one that is
   * new: to be asked whether a block needs storing.
   */
  getCheaply(
    scores: Uint8Array,
    offset: number,
    location: BlockLocation,
  ): boolean;

  /**
   * Which of the scores that stand one after the other in `scores` `getCheaply`
   * certainly does not find now: 1 each, 0 for those that it is to be asked for.
   * For many at once this takes a fraction of the time. Throws `IndexDamagedError`.
   */
  findNew(scores: Uint8Array): Uint8Array;

  /**
   * Resolves when a pack would be taken; rejects as `addPack` does, which is soon
   * enough to know where the pack is not yet in the store.
   */
  requireRoom(): Promise<void>;

  /**
   * Adds a durable pack and its entries at once. An entry replaces an older
   * one of the same score. A pack may be added again. Resolves when more may
   * come: whoever waits bounds the memory. Rejects, adding nothing, when memory
   * is used up by entries that cannot be saved.
   */
  addPack(name: string, entries: IndexEntries): Promise<void>;

  /** Marks the location of a score: still to be read from, not to be relied on. */
  suspect(scores: Uint8Array, offset: number): void;

  /** True if a block of this pack was ever marked. */
  isSuspectPack(pack: number): boolean;

  /** True if this pack was added: all that was given of it is here. */
  knowsPack(name: string): boolean;

  /** The name of a pack by its number, 64 hexadecimal digits. */
  packName(pack: number): string;

  /**
   * Forgets everything, and stays forgotten in the eyes of a later process
   * until `endRebuild`: half an index must not pass for a whole one. What was
   * known is `former` until then.
   */
  beginRebuild(): Promise<void>;

  /**
   * Begins to add many packs at once, between `beginRebuild` and `endRebuild`;
   * nothing else is added until it has ended. At most `entryCountMax` entries
   * will come.
   */
  fill(entryCountMax: number): IndexFill;

  /** Every pack has been added. */
  endRebuild(): Promise<void>;

  /** Makes what is known durable. */
  flush(): Promise<void>;

  /** Flushes and lets go of files. */
  close(): Promise<void>;
}

/** The index's own bytes are wrong: it must be rebuilt from the packs. */
export class IndexDamagedError extends Error {
  /** Makes an error; `message` names the file and what was found. */
  constructor(message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.name = "IndexDamagedError";
  }
}

/** A location to pass to `get`. */
export function emptyLocation(): BlockLocation {
  return {
    pack: 0,
    offset: 0,
    length: 0,
    codec: 0,
    suspect: false,
    unproven: false,
    paged: false,
  };
}
