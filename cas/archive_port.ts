/**
 * The narrow interface between the two threads. The frame thread (front) owns
 * journal, overlay and caches and calls this; the archive thread (engine) owns
 * scores, packs, index, tree, roots and the blob store and implements it. In
 * one process without threads the front calls the engine directly; across
 * threads a proxy carries the same calls as messages.
 *
 * Everything in a request or result can be structured-cloned. Blocks are never
 * in a message: they lie in slots of the shared `BlockPool`.
 *
 * @module
 */

/** Which state of which volume to open. */
export interface ViewRequest {
  /** The volume's name; absent when `root` names the state. */
  readonly volume?: string;
  /** A snapshot of that volume, opened read-only. */
  readonly snapshot?: string;
  /**
   * Milliseconds since 1970: the volume's newest state not after this time,
   * opened read-only.
   */
  readonly atMs?: number;
  /** A root hash, 64 hexadecimal digits, opened read-only. */
  readonly root?: string;
  /** Make the volume with this many blocks if it does not exist. */
  readonly createBlockCount?: number;
}

/** An open state of a volume. */
export interface ViewDescription {
  /** Handle for later calls. */
  readonly view: number;
  /** The volume's id, 32 hexadecimal digits. */
  readonly volumeId: string;
  /** The volume's name. */
  readonly volume: string;
  /** Set when a snapshot was opened. */
  readonly snapshot?: string;
  /** True for everything but the head of a volume. */
  readonly readOnly: boolean;
  /** Size in blocks of 4096 bytes. */
  readonly blockCount: number;
  /** Sequence of the root that the view stands on. */
  readonly sequence: number;
  /** Hash of that root record, 64 hexadecimal digits. */
  readonly rootHash: string;
  /** Id of the state directory that wrote that root, 32 hexadecimal digits. */
  readonly writerId: string;
}

/** Blocks to bring into slots. The arrays are of equal length. */
export interface FetchRequest {
  /** Which state. */
  readonly view: number;
  /** Block numbers. */
  readonly blocks: Float64Array;
  /** The slot for each; the engine owns them until it answers. */
  readonly slots: Uint32Array;
  /**
   * Of blocks that no pack is known to hold. False: they are `Unknown`, and
   * nothing is waited for. True: `seek` has sought them, so they are damaged.
   * Absent: they are sought first.
   */
  readonly sought?: boolean;
}

/** Blocks to be found. */
export interface SeekRequest {
  /** Of which state. */
  readonly view: number;
  /** Block numbers. */
  readonly blocks: Float64Array;
}

/** What became of one block of a fetch. */
export const FetchState = {
  /** The block is all zeros; its slot was not touched. */
  Zero: 0,
  /** The slot holds the verified block. */
  Filled: 1,
  /** The block cannot be read or does not verify; it was reported. */
  Damaged: 2,
  /** No pack is known to hold it, or a pointer block above it: `seek` may find it. */
  Unknown: 3,
} as const;

/** Answer to a fetch. */
export interface FetchResult {
  /**
   * The root sequence under which the blocks were resolved. A front that has
   * since installed a newer root must fetch again: it may already have let go
   * of the overlay that hid the difference.
   */
  readonly sequence: number;
  /** A `FetchState` for each block of the request. */
  readonly states: Uint8Array;
  /**
   * Milliseconds from its beginning to its end, which the way between threads
   * and the waits for a busy one do not lengthen; absent where there is no such
   * way.
   */
  readonly durationMs?: number;
}

/** One volume's part of a frozen generation. The arrays are of equal length. */
export interface FrozenVolume {
  /** A writable view. */
  readonly view: number;
  /** Block numbers, strictly ascending. */
  readonly blocks: Float64Array;
  /** The slot of each; stable until the checkpoint is answered. */
  readonly slots: Uint32Array;
  /** Bit `i` set: sector `i` of the slot counts; the others come from below. */
  readonly masks: Uint8Array;
}

/** Acknowledged writes that no longer change, to be folded into the archive. */
export interface FrozenGeneration {
  /** One entry for each volume with writes. */
  readonly volumes: readonly FrozenVolume[];
}

/** The state a volume reached by a checkpoint. */
export interface NewRoot {
  /** The view whose head moved. */
  readonly view: number;
  /** Its new sequence. */
  readonly sequence: number;
  /** Hash of the root record, 64 hexadecimal digits. */
  readonly rootHash: string;
}

/**
 * Blocks of a generation that could not be folded, because what they have to be
 * merged with is damaged: the base block under a partial write, or a pointer
 * block above it. The archive keeps their old, damaged state (a guess would be
 * wrong data, and dropping them a lost write), so the front keeps their sectors,
 * in overlay and journal, and hands them in again with the next generation. A
 * block folds as soon as its base heals or all of its sectors are written; one
 * below a damaged pointer, when all blocks below that pointer are.
 */
export interface DeferredBlocks {
  /** The view of the volume. */
  readonly view: number;
  /** Block numbers, strictly ascending. */
  readonly blocks: Float64Array;
  /** All that lies beneath may be found sound yet: the index is being made anew. */
  readonly unsettled?: boolean;
}

/** What a checkpoint did. */
export interface CheckpointResult {
  /** One entry for each volume of the generation of which anything was folded. */
  readonly roots: readonly NewRoot[];
  /** Blocks that the front must keep; absent when all were folded. */
  readonly deferred?: readonly DeferredBlocks[];
  /** Data blocks stored for the first time. */
  readonly blocksNew: number;
  /** Data blocks that were in the archive already. */
  readonly blocksDuplicate: number;
  /** Blocks that became, or were, all zeros. */
  readonly blocksZero: number;
  /** Bytes of all packs written. */
  readonly packBytes: number;
  /** Number of packs written. */
  readonly packCount: number;
}

/** A named root. */
export interface SnapshotDescription {
  /** The volume's name: the present one in a list, for it may have changed. */
  readonly volume: string;
  /** The snapshot's name. */
  readonly name: string;
  /** When, milliseconds since 1970. */
  readonly timeMs: number;
  /** Hash of its root record, 64 hexadecimal digits. */
  readonly rootHash: string;
  /** Sequence of that root. */
  readonly sequence: number;
  /** Size of the volume in blocks. */
  readonly blockCount: number;
}

/** What has no room for what is to be archived. */
export interface Shortage {
  /** The blob store, or the local disk of the index. */
  readonly of: "store" | "index";
  /** What it said, and what to do about it. */
  readonly message: string;
}

/** The archive, as the frame thread sees it. */
export interface ArchivePort {
  /** The archive's id, 32 hexadecimal digits. */
  readonly archiveId: string;
  /** The writer's claim under which this server holds the archive. */
  readonly epoch: number;

  /**
   * Opens a state. Rejects with an `ArchiveError` when the volume, snapshot or
   * root does not exist (and is not to be made), or has another size than
   * `createBlockCount` asks. Opening a volume's head twice gives one view. An
   * archive that is only read gives a volume's newest state instead of its
   * head, read-only like any past state.
   */
  openView(request: ViewRequest): Promise<ViewDescription>;

  /**
   * Called once, when the journal was checked against the volumes and replayed:
   * from now on heads are written. Where a root of a writer that was cut off may
   * still appear behind one that is opened, its state is first published once
   * more, so that nothing appears under acknowledged writes. Not earlier: a
   * journal that must not be replayed would find a root of its own server.
   */
  beginWrites(): Promise<void>;

  /**
   * Looks whether another server has published a newer state of a read-only
   * view's volume; opens it as a view of its own, or answers undefined.
   */
  newerView(view: number): Promise<ViewDescription | undefined>;

  /**
   * Forgets a view, of which nothing will be fetched or written any more. A
   * volume whose head it was may then be renamed, restored or retired.
   */
  closeView(view: number): Promise<void>;

  /**
   * Looks whether this server still writes the archive; waits for a store that
   * does not answer. Rejects, and `lost` resolves, when another one does.
   */
  confirm(): Promise<void>;

  /**
   * Brings blocks into slots, each verified against its score. Retries a store
   * that does not answer for ever; damage is a state of a block, not a rejection.
   */
  fetch(request: FetchRequest): Promise<FetchResult>;

  /**
   * Does what can be done to find blocks that a fetch told to be unknown, for at
   * most a minute: the index may be being made anew, which takes longer than a
   * client waits. Fetch them then; what is not found counts as damaged until it is.
   */
  seek(request: SeekRequest): Promise<void>;

  /**
   * Folds a generation into the archive and publishes the new roots: packs
   * durable first, roots second. Called once at a time. Rejects only when the
   * archive can no longer be written (lost claim); nothing is lost then, since
   * the journal still has the writes.
   */
  checkpoint(generation: FrozenGeneration): Promise<CheckpointResult>;

  /**
   * What is full, as far as the work under way has been told: a checkpoint that
   * meets it goes on when there is room, and may be waiting for a person. A
   * store that is away is none.
   */
  shortage(): Promise<Shortage | undefined>;

  /** Names the present root of a volume. Rejects when the name is taken or not allowed. */
  createSnapshot(view: number, name: string): Promise<SnapshotDescription>;

  /** All snapshots but those of retired volumes, or those of one volume, oldest first. */
  listSnapshots(volume?: string): Promise<SnapshotDescription[]>;

  /** Resolves with the reason if this server stops being the archive's writer. */
  readonly lost: Promise<Error>;

  /** Waits for work under way, then lets go of the claim and the store. */
  close(): Promise<void>;
}
