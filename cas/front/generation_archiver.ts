/**
 * Freezes what was written as one generation, and takes it into the archive.
 *
 * There is one generation at most. What could not be archived stays frozen and
 * is tried again; its journal segments go only after its roots are published.
 *
 * @module
 */

import type {
  ArchivePort,
  CheckpointResult,
  FrozenGeneration,
  FrozenVolume,
} from "../archive_port.ts";
import { archiveErrorCode } from "../errors.ts";
import type { EventSink } from "../events.ts";
import type { ArchiveLag } from "./archive_lag.ts";
import {
  checkpointDone,
  checkpointFailed,
  writesDeferred,
} from "./checkpoint_events.ts";
import type { Clock } from "./clock.ts";
import {
  countSectors,
  type FrozenPart,
  installRoot,
  listFrozen,
  rewriteBlock,
  type RewriteSectors,
} from "./frozen.ts";
import type { Head } from "./head.ts";
import { leastJournalBytes } from "./journal_batch.ts";
import type { OverlayBudget } from "./overlay.ts";
import type { KeptRoom } from "./oversized_writes.ts";

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

/** Options of `GenerationArchiver`. */
export interface GenerationArchiverOptions {
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
  /** Is told what is written, frozen and archived. */
  readonly lag: ArchiveLag;
}

/** When to end. */
export interface ArchiverSignals {
  /** The server is leaving: what is under way is not gone on with. */
  readonly stop: AbortSignal;
  /** Aborted with `stop`, or before: no writes come any more, and all is tried once. */
  readonly hurry: AbortSignal;
}

interface FrozenState {
  readonly parts: readonly FrozenPart[];
  readonly trimBelow: number;
  /** Somebody finds no room. */
  readonly wantsRoom: boolean;
  /** Of the journal then: a write since that failed may lie over one that is kept. */
  readonly failureCount: number;
}

/** Freezes generations and archives them, one after the other. */
export class GenerationArchiver {
  readonly #options: GenerationArchiverOptions;
  readonly #signals: ArchiverSignals;
  #isArchiving = false;
  #frozen: FrozenState | undefined;
  /** Blocks of the newest generation, if somebody wanted room and all were kept. */
  #allKept: number | undefined;
  #kept: KeptRoom = {
    attempts: 0,
    slots: 0,
    journalBytes: 0,
    unsettled: false,
  };

  /** Nothing is frozen yet. */
  constructor(options: GenerationArchiverOptions, signals: ArchiverSignals) {
    this.#options = options;
    this.#signals = signals;
  }

  /** True while the archive takes a generation: room is made when it has. */
  get isArchiving(): boolean {
    return this.#isArchiving;
  }

  /**
   * True while the overlays hold nothing but blocks that the archive could not
   * take when room was wanted: trying again makes none.
   */
  get isStuck(): boolean {
    return this.#allKept === this.#options.budget.slotsUsed;
  }

  /** What writes take that the newest attempt could not archive. */
  get kept(): KeptRoom {
    return this.#kept;
  }

  /** True while a generation is frozen, so that no other can be. */
  get isFrozen(): boolean {
    return this.#frozen !== undefined;
  }

  /**
   * At one instant: the journal's segment ends, and the overlays swap. False
   * when nothing was written; with `wantsRoom` the segment ends even so. Not to
   * be called while a generation is frozen.
   */
  freeze(wantsRoom: boolean): boolean {
    const parts: FrozenPart[] = [];
    for (const head of this.#options.heads()) {
      const { overlay } = head.view;
      if (overlay === undefined || overlay.activeCount === 0) continue;
      parts.push({ head, generation: overlay.freeze() });
    }
    if (parts.length === 0 && !wantsRoom) return false;
    const trimBelow = this.#options.journal.rotate();
    const failureCount = this.#options.journal.failureCount();
    this.#frozen = { parts, trimBelow, wantsRoom, failureCount };
    if (parts.length > 0) this.#options.lag.noteFrozen();
    return true;
  }

  /**
   * Takes what is frozen into the archive and out of the journal. Resolves to
   * the volumes with writes that the archive could not take.
   */
  async fold(): Promise<ReadonlySet<Head>> {
    const kept = new Set<Head>();
    const frozen = this.#frozen;
    if (frozen === undefined) return kept;
    if (frozen.parts.length === 0) {
      this.#frozen = undefined;
      await this.#retire(frozen);
      // Whoever still finds no room asks again, and not without end.
      await this.#options.clock.sleep(KEEP_RETRY_MS, this.#signals.hurry);
      return kept;
    }
    const { budget, clock, journal } = this.#options;
    const volumes = [];
    for (const part of frozen.parts) {
      volumes.push(await listFrozen(part, budget.masks, clock));
    }
    const startMs = clock.nowMs();
    const result = await this.#archive({ volumes });
    const isAllKept = frozen.wantsRoom && isAllDeferred(volumes, result);
    this.#allKept = isAllKept ? budget.slotsUsed : undefined;
    let keptSlots = 0;
    let keptSectors = 0;
    for (let index = 0; index < frozen.parts.length; index++) {
      const part = frozen.parts[index] as FrozenPart;
      const volume = volumes[index] as (typeof volumes)[number];
      const root = result.roots.find((one) => one.view === volume.view);
      const left = result.deferred?.find((one) => one.view === volume.view);
      const deferred = new Set(left?.blocks);
      await installRoot(part, volume, { root, deferred, budget, clock });
      if (root !== undefined) this.#options.moved(part.head);
      this.#options.roomMade();
      if (deferred.size === 0) continue;
      kept.add(part.head);
      keptSlots += deferred.size;
      keptSectors += countSectors(part, deferred);
      // At the end nothing is written any more: generation and journal stay.
      if (!await this.#keep(part, deferred, left?.unsettled)) return kept;
      await journal.written();
    }
    this.#kept = {
      attempts: this.#kept.attempts + 1,
      slots: keptSlots,
      journalBytes: leastJournalBytes(keptSectors),
      unsettled: result.deferred?.every((one) => one.unsettled === true) ??
        false,
    };
    this.#frozen = undefined;
    this.#options.lag.noteArchived(result.deferred !== undefined);
    this.#options.report(checkpointDone(result, clock.nowMs() - startMs));
    const isKept = journal.failureCount() === frozen.failureCount;
    if (result.deferred !== undefined && !isKept) return kept;
    await this.#retire(frozen);
    // As above; and each attempt writes all of it into the journal again.
    if (isAllKept) await clock.sleep(RETRY_MS, this.#signals.hurry);
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
   * lies under them is damaged or not found yet, in overlay and journal. False
   * when the server is leaving.
   */
  async #keep(
    part: FrozenPart,
    blocks: ReadonlySet<number>,
    unsettled = false,
  ): Promise<boolean> {
    const { budget, clock, rewrite, report } = this.#options;
    const { hurry } = this.#signals;
    report(writesDeferred(part.head.name, blocks, unsettled));
    for (const block of blocks) {
      while (!rewriteBlock(part, block, budget, rewrite)) {
        if (hurry.aborted) return false;
        await clock.sleep(KEEP_RETRY_MS, hurry);
      }
    }
    part.head.view.overlay?.thaw();
    return true;
  }

  async #archive(generation: FrozenGeneration): Promise<CheckpointResult> {
    this.#isArchiving = true;
    try {
      return await this.#archivePatiently(generation);
    } finally {
      this.#isArchiving = false;
    }
  }

  async #archivePatiently(
    generation: FrozenGeneration,
  ): Promise<CheckpointResult> {
    const { port, clock } = this.#options;
    const { hurry, stop } = this.#signals;
    for (;;) {
      try {
        const result = await port.checkpoint(generation);
        if (stop.aborted) throw new Error("the server is leaving");
        return result;
      } catch (error) {
        const code = archiveErrorCode(error);
        const final = hurry.aborted ||
          code === "LostClaim" || code === "Closed" || code === "ThreadEnded";
        if (final) throw error;
        this.#report("failed and will be tried again", error);
        await clock.sleep(RETRY_MS, hurry);
      }
    }
  }

  #report(what: string, error: unknown): void {
    this.#options.report(checkpointFailed(what, error));
  }
}

function isAllDeferred(
  volumes: readonly FrozenVolume[],
  { deferred = [] }: CheckpointResult,
): boolean {
  return volumes.every(({ view, blocks }) =>
    deferred.find((one) => one.view === view)?.blocks.length === blocks.length
  );
}
