/**
 * Decides when a generation is frozen and archived, and for whom.
 *
 * Work is a queue of one: a checkpoint, or a checkpoint and the naming of the
 * root it made. A generation that could not be archived stays frozen and is
 * tried again; meanwhile writes go on into the next one until there is no room.
 *
 * @module
 */

import type { SnapshotDescription } from "../archive_port.ts";
import { ArchiveError } from "../errors.ts";
import { checkpointFailed, flushWaits } from "./checkpoint_events.ts";
import {
  GenerationArchiver,
  type GenerationArchiverOptions,
} from "./generation_archiver.ts";
import type { Head } from "./head.ts";
import type { KeptRoom } from "./oversized_writes.ts";

/** Options of `Checkpointer`. */
export interface CheckpointerOptions extends GenerationArchiverOptions {
  /** Written bytes, or bytes of written blocks, after which to freeze. */
  readonly checkpointBytes: number;
  /** After how long a write begins one at the latest. */
  readonly checkpointAgeMs: number;
}

/** Runs checkpoints. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #archiver: GenerationArchiver;
  readonly #stop: AbortController = new AbortController();
  /** Ends the pause before a retry. */
  readonly #hurry: AbortController = new AbortController();
  #ageTimer: AbortController | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #queuedCount = 0;
  /** A checkpoint of all writes until it begins, for all who ask meanwhile. */
  #waiting: Promise<ReadonlySet<Head>> | undefined;
  #bytesAtFreeze = 0;
  #requested = false;
  /** The journal shall let go also of what the archive has long had. */
  #wantsRoom = false;
  #finishing = false;

  /** Nothing runs yet. */
  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#archiver = new GenerationArchiver(options, {
      stop: this.#stop.signal,
      hurry: this.#hurry.signal,
    });
  }

  /** True while the archive takes a generation: room is made when it has. */
  get archiving(): boolean {
    return this.#archiver.isArchiving;
  }

  /** As `GenerationArchiver.isStuck`. */
  get isStuck(): boolean {
    return this.#archiver.isStuck;
  }

  /** As `GenerationArchiver.kept`. */
  get kept(): KeptRoom {
    return this.#archiver.kept;
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
      const kept = early ? await this.#archiver.fold() : await this.#foldAll();
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
      await this.#archiver.fold();
      const below = await journal.turnOver();
      // The journal has the writes of others, too: no part of it goes alone.
      if (!this.#freeze()) return false;
      const kept = await this.#archiver.fold();
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
    await this.#archiver.fold();
    this.#throwIfStopped();
    const { budget, journal } = this.#options;
    // What is archived goes only with a whole segment: it must not be in one
    // with what comes next, though the next file may not be filled ahead yet.
    const isWritten = budget.slotsUsed > budget.slotsFrozen;
    if (this.#wantsRoom || isWritten) await journal.turnOver().catch(() => {});
    // Nothing would be frozen, and what is not archived pass for it.
    this.#throwIfStopped();
    this.#freeze();
    return await this.#archiver.fold();
  }

  #throwIfStopped(): void {
    if (this.#stop.signal.aborted) throw new Error("the server is leaving");
  }

  /** False when that cannot be now, and what was written stays unarchived. */
  #freeze(): boolean {
    if (this.#archiver.isFrozen || this.#stop.signal.aborted) return false;
    this.#requested = false;
    this.#ageTimer?.abort();
    this.#ageTimer = undefined;
    const wantsRoom = this.#wantsRoom;
    this.#wantsRoom = false;
    if (this.#archiver.freeze(wantsRoom)) {
      this.#bytesAtFreeze = this.#options.journal.appendedBytes();
    }
    return true;
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
