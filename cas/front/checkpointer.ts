/**
 * Decides when a generation is frozen, and takes it into the archive.
 *
 * Work is a queue of one: a checkpoint, or a checkpoint and the naming of the
 * root it made. A generation that could not be archived stays frozen and is
 * tried again; meanwhile writes go on into the next one until there is no room.
 *
 * @module
 */

import type {
  ArchivePort,
  CheckpointResult,
  FrozenGeneration,
  SnapshotDescription,
} from "../archive_port.ts";
import { ArchiveError, archiveErrorCode } from "../errors.ts";
import type { EventSink } from "../events.ts";
import type { ArchiveLag } from "./archive_lag.ts";
import {
  checkpointDone,
  checkpointFailed,
  flushWaits,
  writesDeferred,
} from "./checkpoint_events.ts";
import type { Clock } from "./clock.ts";
import {
  type FrozenPart,
  installRoot,
  listFrozen,
  rewriteBlock,
  type RewriteSectors,
} from "./frozen.ts";
import type { Head } from "./head.ts";
import type { OverlayBudget } from "./overlay.ts";

/** How long until a checkpoint that failed is tried again. */
const RETRY_MS = 5000;

/** How long until a block that found no room is written again. */
const KEEP_RETRY_MS = 100;

/** The journal, as far as checkpoints need it. */
export interface CheckpointJournal {
  /** Bytes of all writes ever appended. */
  appendedBytes(): number;
  /** Starts a new segment if it can; nothing newer lies below the number. */
  rotate(): number;
  /** The same, and certainly a new segment; nothing settled before lies above. */
  turnOver(): Promise<number>;
  /** Lets go of the segments below a number. */
  retireBelow(number: number): Promise<void>;
  /** Resolves when all that was appended before is durable, or failed. */
  written(): Promise<void>;
  /** Counts batches that could not be made durable. */
  failureCount(): number;
}

/** Options of `Checkpointer`. */
export interface CheckpointerOptions {
  /** The engine. */
  readonly port: ArchivePort;
  /** Time. */
  readonly clock: Clock;
  /** Takes events. */
  readonly report: EventSink;
  /** Slots of all overlays. */
  readonly budget: OverlayBudget;
  /** What holds the writes until they are archived. */
  readonly journal: CheckpointJournal;
  /** All volumes that take writes. */
  readonly heads: () => Iterable<Head>;
  /** Called when a volume stands on a new root that this server wrote. */
  readonly moved: (head: Head) => void;
  /** Takes sectors into overlay and journal, as a client's write. */
  readonly rewrite: RewriteSectors;
  /** Called when slots became free. */
  readonly roomMade: () => void;
  /** Written bytes, or bytes of written blocks, after which to freeze. */
  readonly checkpointBytes: number;
  /** After how long a write begins one at the latest. */
  readonly checkpointAgeMs: number;
  /** Is told what is written, frozen and archived. */
  readonly lag: ArchiveLag;
}

interface FrozenState {
  readonly parts: readonly FrozenPart[];
  readonly trimBelow: number;
}

/** Runs checkpoints. */
export class Checkpointer {
  /** True while the archive takes a generation: room is made when it has. */
  archiving = false;
  readonly #options: CheckpointerOptions;
  readonly #stop: AbortController = new AbortController();
  /** Ends the pause before a retry. */
  readonly #hurry: AbortController = new AbortController();
  #ageTimer: AbortController | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #queuedCount = 0;
  /** A checkpoint of all writes until it begins, for all who ask meanwhile. */
  #waiting: Promise<ReadonlySet<Head>> | undefined;
  #frozen: FrozenState | undefined;
  #bytesAtFreeze = 0;
  #requested = false;
  /** The journal shall let go also of what the archive has long had. */
  #wantsRoom = false;
  #finishing = false;

  /** Nothing runs yet. */
  constructor(options: CheckpointerOptions) {
    this.#options = options;
  }

  /** Considers a checkpoint after a write; `full` when one was refused. */
  noteWrite(full: boolean): void {
    this.#wantsRoom ||= full;
    // One that was refused is none that the archive lacks.
    if (this.#options.budget.slotsUsed > 0) this.#options.lag.noteWrite();
    if (this.#requested || this.#finishing || this.#stop.signal.aborted) return;
    const { budget, journal, checkpointBytes } = this.#options;
    const blockBytes = (budget.slotsUsed - budget.slotsFrozen) * 4096;
    const writtenBytes = journal.appendedBytes() - this.#bytesAtFreeze;
    if (full || Math.max(blockBytes, writtenBytes) >= checkpointBytes) {
      this.#request();
    } else if (this.#ageTimer === undefined) {
      this.#startAgeTimer();
    }
  }

  /** Takes all writes of before this call into the archive, but for those over damage. */
  async checkpoint(): Promise<void> {
    await this.#checkpoint();
  }

  /** The same, and what the journal holds of it goes, also if nothing is left to archive. */
  async makeRoom(): Promise<void> {
    this.#wantsRoom = true;
    await this.#checkpoint();
  }

  /**
   * Resolves when the archive has all writes to a volume of before this call,
   * also those over damage, which are tried again and again. Rejects when the
   * server leaves before.
   */
  async archived(head: Head): Promise<void> {
    const { clock, checkpointAgeMs } = this.#options;
    let isTold = false;
    while ((await this.#checkpoint()).has(head)) {
      if (!isTold) this.#options.report(flushWaits(head.name));
      isTold = true;
      await clock.sleep(checkpointAgeMs, this.#hurry.signal);
      if (this.#hurry.signal.aborted) throw new Error("the server is leaving");
    }
  }

  #checkpoint(): Promise<ReadonlySet<Head>> {
    this.#waiting ??= this.#enqueue(() => {
      this.#waiting = undefined;
      return this.#foldAll();
    });
    return this.#waiting;
  }

  /**
   * Names the state of a volume at this call (or, while another checkpoint is
   * under way, at a moment before it resolves). Rejects with `Damaged` when
   * the archive cannot take some of its writes now: the state would lack them.
   */
  snapshot(head: Head, name: string): Promise<SnapshotDescription> {
    const early = this.#queuedCount === 0 && this.#freeze();
    return this.#enqueue(async () => {
      const kept = early ? await this.#foldFrozen() : await this.#foldAll();
      if (kept.has(head)) throw incompleteError(head.name, name);
      return await this.#options.port.createSnapshot(head.view.view, name);
    });
  }

  /**
   * Takes every write of a volume into the archive and out of the journal, so
   * that nothing of this server stands on the volume any more. Its writes must
   * be settled, and no new ones come. False when some writes have to stay.
   */
  empty(head: Head): Promise<boolean> {
    return this.#enqueue(async () => {
      const { journal } = this.#options;
      await this.#foldFrozen();
      const below = await journal.turnOver();
      // The journal has the writes of others, too: no part of it goes alone.
      if (!this.#freeze()) return false;
      const kept = await this.#foldFrozen();
      const { overlay } = head.view;
      if (kept.size > 0 || (overlay?.activeCount ?? 0) > 0) return false;
      await journal.retireBelow(below);
      return true;
    });
  }

  /**
   * Archives what is left, trying once. True if nothing is left in the overlay.
   * No writes may come any more.
   */
  async finish(): Promise<boolean> {
    this.#finishing = true;
    this.#hurry.abort();
    this.#ageTimer?.abort();
    try {
      await this.checkpoint();
    } catch (error) {
      this.#report(
        "cannot be archived now; the journal keeps the writes",
        error,
      );
    }
    return this.#options.budget.slotsUsed === 0;
  }

  /** Starts nothing any more, and leaves what is under way alone. */
  stop(): void {
    this.#stop.abort();
    this.#hurry.abort();
    this.#ageTimer?.abort();
    this.#options.lag.stop();
  }

  #request(): void {
    this.#requested = true;
    this.checkpoint().catch((error: unknown) => {
      if (this.#stop.signal.aborted) return;
      this.#report("ended; the journal keeps the writes", error);
    });
  }

  async #startAgeTimer(): Promise<void> {
    const timer = new AbortController();
    this.#ageTimer = timer;
    const { clock, checkpointAgeMs } = this.#options;
    await clock.sleep(checkpointAgeMs, timer.signal);
    if (timer.signal.aborted || this.#requested) return;
    this.#request();
  }

  #enqueue<T>(run: () => Promise<T>): Promise<T> {
    this.#queuedCount++;
    const result = this.#queue.then(run).finally(() => {
      this.#queuedCount--;
    });
    this.#queue = result.catch(() => {});
    return result;
  }

  async #foldAll(): Promise<ReadonlySet<Head>> {
    await this.#foldFrozen();
    if (this.#stop.signal.aborted) throw new Error("the server is leaving");
    // What the archive has may be in one segment with what came since.
    if (this.#wantsRoom) await this.#options.journal.turnOver().catch(() => {});
    this.#freeze();
    return await this.#foldFrozen();
  }

  /**
   * At one instant: the journal's segment ends, and the overlays swap. False
   * when that cannot be now, and what was written stays unarchived.
   */
  #freeze(): boolean {
    if (this.#frozen !== undefined || this.#stop.signal.aborted) return false;
    this.#requested = false;
    this.#ageTimer?.abort();
    this.#ageTimer = undefined;
    const parts: FrozenPart[] = [];
    for (const head of this.#options.heads()) {
      const { overlay } = head.view;
      if (overlay === undefined || overlay.activeCount === 0) continue;
      parts.push({ head, generation: overlay.freeze() });
    }
    const { journal } = this.#options;
    const wantsRoom = this.#wantsRoom;
    this.#wantsRoom = false;
    if (parts.length === 0 && !wantsRoom) return true;
    this.#bytesAtFreeze = journal.appendedBytes();
    this.#frozen = { parts, trimBelow: journal.rotate() };
    if (parts.length > 0) this.#options.lag.noteFrozen();
    return true;
  }

  /** The volumes with writes that the archive could not take. */
  async #foldFrozen(): Promise<ReadonlySet<Head>> {
    const kept = new Set<Head>();
    const frozen = this.#frozen;
    if (frozen === undefined) return kept;
    if (frozen.parts.length === 0) {
      this.#frozen = undefined;
      await this.#retire(frozen);
      // Whoever still finds no room asks again, and not without end.
      await this.#options.clock.sleep(KEEP_RETRY_MS, this.#hurry.signal);
      return kept;
    }
    const { budget, clock, journal } = this.#options;
    const volumes = [];
    for (const part of frozen.parts) {
      volumes.push(await listFrozen(part, budget.masks, clock));
    }
    const startMs = clock.nowMs();
    const result = await this.#archive({ volumes });
    const failuresBefore = journal.failureCount();
    for (let index = 0; index < frozen.parts.length; index++) {
      const part = frozen.parts[index] as FrozenPart;
      const volume = volumes[index] as (typeof volumes)[number];
      const root = result.roots.find((one) => one.view === volume.view);
      const deferred = new Set(
        result.deferred?.find((one) => one.view === volume.view)?.blocks,
      );
      await installRoot(part, volume, { root, deferred, budget, clock });
      if (root !== undefined) this.#options.moved(part.head);
      this.#options.roomMade();
      if (deferred.size === 0) continue;
      kept.add(part.head);
      // At the end nothing is written any more: generation and journal stay.
      if (!await this.#keep(part, deferred)) return kept;
      await journal.written();
    }
    this.#frozen = undefined;
    this.#options.lag.noteArchived(result.deferred !== undefined);
    this.#options.report(checkpointDone(result, clock.nowMs() - startMs));
    const isKept = journal.failureCount() === failuresBefore;
    if (result.deferred !== undefined && !isKept) return kept;
    await this.#retire(frozen);
    return kept;
  }

  async #retire({ trimBelow }: FrozenState): Promise<void> {
    try {
      await this.#options.journal.retireBelow(trimBelow);
    } catch (error) {
      // They are removed with those of the next checkpoint.
      this.#report("is archived, but its journal files stay", error);
    }
  }

  /**
   * Keeps acknowledged blocks that the archive could not take, because what
   * lies under them is damaged, in overlay and journal. False when the server
   * is leaving.
   */
  async #keep(part: FrozenPart, blocks: ReadonlySet<number>): Promise<boolean> {
    const { budget, clock, rewrite, report } = this.#options;
    report(writesDeferred(part.head.name, blocks));
    for (const block of blocks) {
      while (!rewriteBlock(part, block, budget, rewrite)) {
        if (this.#finishing || this.#stop.signal.aborted) return false;
        await clock.sleep(KEEP_RETRY_MS, this.#hurry.signal);
      }
    }
    part.head.view.overlay?.thaw();
    return true;
  }

  async #archive(generation: FrozenGeneration): Promise<CheckpointResult> {
    this.archiving = true;
    try {
      return await this.#archivePatiently(generation);
    } finally {
      this.archiving = false;
    }
  }

  async #archivePatiently(
    generation: FrozenGeneration,
  ): Promise<CheckpointResult> {
    const { port, clock } = this.#options;
    for (;;) {
      try {
        const result = await port.checkpoint(generation);
        if (this.#stop.signal.aborted) throw new Error("the server is leaving");
        return result;
      } catch (error) {
        const code = archiveErrorCode(error);
        const final = this.#finishing || this.#stop.signal.aborted ||
          code === "LostClaim" || code === "Closed" || code === "ThreadEnded";
        if (final) throw error;
        this.#report("failed and will be tried again", error);
        await clock.sleep(RETRY_MS, this.#hurry.signal);
      }
    }
  }

  #report(what: string, error: unknown): void {
    this.#options.report(checkpointFailed(what, error));
  }
}

function incompleteError(volume: string, name: string): ArchiveError {
  return new ArchiveError(
    "Damaged",
    `Cannot make snapshot "${name}" of volume "${volume}": the archive cannot take some of the writes that belong to it, because what lies under them is damaged; restore the damaged packs, or overwrite the damaged sectors as a whole, and try again`,
  );
}
