/**
 * The frame thread's half of the archive: hands out disks over an
 * `ArchivePort` and a journal.
 *
 * Invariants:
 * - a ticket settles with `ok` only when its write is in a synced batch;
 * - a write leaves the overlay only when its root is published, and the journal
 *   only after that;
 * - at any time the journal's segments, replayed in order over the newest root,
 *   give every acknowledged write.
 *
 * @module
 */

import type { SnapshotDescription, ViewRequest } from "../archive_port.ts";
import { ArchiveLag } from "./archive_lag.ts";
import { BLOCK_SIZE } from "../block_pool.ts";
import { BlockCache } from "./block_cache.ts";
import { Checkpointer } from "./checkpointer.ts";
import { type Clock, SYSTEM_CLOCK } from "./clock.ts";
import { Disks, type FollowedDisk, type OpenDiskOptions } from "./disks.ts";
import { FetchBudget } from "./fetch_budget.ts";
import type { Head } from "./head.ts";
import {
  type ArchiveFrontOptions,
  BATCH_BYTES_MAX,
  type FrontUsage,
} from "./front_options.ts";
import { startFront } from "./front_start.ts";
import type { JournalRoom } from "./journal_room.ts";
import { OverlayBudget } from "./overlay.ts";
import {
  DAMAGE_ADVICE,
  type RoomWant,
  SEARCH_ADVICE,
} from "./oversized_writes.ts";
import { Presence } from "./presence.ts";
import { type RoomShortage, RoomWaiters } from "./room_waiters.ts";
import type { SectorRange, Volume } from "./volume.ts";
import { NO_ROOM, WriteIntake } from "./write_intake.ts";

/** One in so many slots is for reads alone, and at least so many slots. */
const READ_SHARE = 8;
const READ_SLOTS_MIN = 16;

/** An archive as a set of disks. */
export class ArchiveFront {
  readonly #options: ArchiveFrontOptions;
  readonly #cache: BlockCache;
  readonly #budget: OverlayBudget;
  readonly #intake: WriteIntake;
  readonly #disks: Disks;
  readonly #lag: ArchiveLag;
  readonly #checkpointer: Checkpointer;
  readonly #presence: Presence;
  #isClosing = false;
  #journalRoom: JournalRoom | undefined;
  readonly #roomWaiters: RoomWaiters;
  /** The room that the newest write did not find, unless it was that of the journal's batch alone. */
  #wanted: RoomWant | undefined;

  private constructor(options: ArchiveFrontOptions, clock: Clock) {
    this.#options = options;
    this.#cache = new BlockCache(options.pool, options.preparePool);
    const { slotCount } = options.pool;
    const share = Math.floor(slotCount / READ_SHARE);
    const readSlots = Math.max(READ_SLOTS_MIN, share);
    if (slotCount < 2 * READ_SLOTS_MIN) {
      throw new RangeError(
        `A block pool of ${slotCount} slots is too small: ${
          2 * READ_SLOTS_MIN
        } is the least`,
      );
    }
    this.#budget = new OverlayBudget(this.#cache, slotCount - readSlots);
    this.#intake = new WriteIntake({
      cache: this.#cache,
      budget: this.#budget,
      batchBytesMax: options.budget.batchBytesMax ?? BATCH_BYTES_MAX,
    });
    this.#roomWaiters = new RoomWaiters({
      clock,
      report: options.report,
      shortage: () => this.#shortage(),
      answer: (action) => this.#presence.answer(action),
      kept: () => this.#checkpointer.kept,
      room: {
        slots: this.#budget.slotsMax,
        journalBytes: options.budget.journalBytesMax,
      },
    });
    this.#disks = new Disks({
      port: options.port,
      clock,
      report: options.report,
      budget: this.#budget,
      fetchBudget: new FetchBudget(this.#cache, readSlots, clock),
      write: (...write) => this.#write(...write),
      writable: () => this.#roomWaiters.wait(this.#wanted),
      flushRemote: (head) =>
        this.#checkpointer.archived(head).then(() => this.#presence.sure()),
      isPresent: () => this.#presence.isSure,
      present: () => this.#presence.sure(),
      empty: (head) => this.#checkpointer.empty(head),
    });
    this.#lag = new ArchiveLag({
      clock,
      report: options.report,
      lagMsMax: options.budget.lagMsMax ?? 2 * options.budget.checkpointAgeMs,
      pendingBytes: () => this.usage.unarchivedBytes,
    });
    this.#checkpointer = this.#makeCheckpointer(clock);
    this.#presence = new Presence({
      clock,
      report: options.report,
      confirm: () => options.port.confirm(),
    });
  }

  /**
   * Recovers the journal and opens the front. Volumes with writes in the
   * journal are opened even if nothing serves them. Rejects with a
   * `JournalError` when the journal must not be replayed as it is.
   */
  static async open(options: ArchiveFrontOptions): Promise<ArchiveFront> {
    const clock = options.clock ?? SYSTEM_CLOCK;
    const front = new ArchiveFront(options, clock);
    try {
      await front.#start(clock);
    } catch (error) {
      front.#checkpointer.stop();
      throw error;
    }
    options.port.lost.then((reason) => front.#lose(reason));
    front.#presence.run();
    return front;
  }

  /**
   * Opens a disk. Every call gives a disk of its own, with its own listener.
   */
  openVolume(
    request: ViewRequest,
    options?: OpenDiskOptions,
  ): Promise<Volume> {
    return this.#disks.open(request, options);
  }

  /** Lets go of a disk, and of a volume with its last one; see `Disks.close`. */
  closeVolume(disk: Volume): Promise<void> {
    return this.#disks.close(disk);
  }

  /**
   * Opens a volume of an archive that is only read, as a disk that moves on to
   * each newer state until `stop`.
   */
  followVolume(volume: string): Promise<FollowedDisk> {
    return this.#disks.follow(volume);
  }

  /**
   * Makes a snapshot: the volume's state at this call, with every write whose
   * ticket was handed out before. Rejects with an `ArchiveError`.
   */
  async snapshot(volume: string, name: string): Promise<SnapshotDescription> {
    // Not a turn may pass before the freeze if the volume is open.
    const head = this.#disks.headNamed(volume) ??
      await this.#disks.openHead(volume);
    const make = () => this.#checkpointer.snapshot(head, name);
    return await this.#disks.using(head, make);
  }

  /**
   * Takes note that the archive has made a volume larger: its disks have the
   * new blocks from now on. A smaller size, or a volume not open, is ignored.
   */
  grown(volume: string, blockCount: number): void {
    const view = this.#disks.headNamed(volume)?.view;
    if (view === undefined) return;
    view.blockCount = Math.max(view.blockCount, blockCount);
  }

  /** Takes every write of before this call into the archive. */
  checkpoint(): Promise<void> {
    return this.#checkpointer.checkpoint();
  }

  /** What is in use, and how far the archive is behind, for a status page. */
  get usage(): FrontUsage {
    const { slotsUsed } = this.#budget;
    return {
      overlaySlots: slotsUsed,
      cachedSlots: this.#cache.cachedCount,
      journalBytes: this.#intake.journal?.byteCount ?? 0,
      unarchivedBytes: slotsUsed * BLOCK_SIZE,
      lagMs: this.#lag.lagMs,
      behind: this.#lag.behind,
      fill: this.#intake.fill,
      refusal: this.#roomWaiters.refusal ?? this.#journalRoom?.refusal,
    };
  }

  /**
   * Refuses further writes, settles those taken, archives everything and
   * removes the journal. If the archive cannot be written the journal stays,
   * and nothing is lost either.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#intake.journal?.drain();
    const archived = await this.#checkpointer.finish();
    this.#stop();
    await this.#intake.journal?.close(archived);
  }

  /** Leaves at once: what was acknowledged is in the journal. */
  async abandon(): Promise<void> {
    this.#isClosing = true;
    this.#stop();
    await this.#intake.journal?.close(false);
  }

  #stop(): void {
    this.#checkpointer.stop();
    this.#presence.stop();
    this.#roomWaiters.stop();
    this.#disks.stop();
  }

  #write(
    head: Head,
    range: SectorRange,
    from: Uint8Array,
    offset: number,
  ): number {
    if (this.#isClosing || this.#presence.isLost) return 0;
    const ticket = this.#intake.append(head, range, from, offset);
    const isFull = ticket === NO_ROOM;
    this.#wanted = isFull ? this.#intake.wantOf(head, range) : undefined;
    this.#checkpointer.noteWrite(isFull);
    return Math.max(0, ticket);
  }

  async #start(clock: Clock): Promise<void> {
    this.#journalRoom = await startFront({
      options: this.#options,
      clock,
      cache: this.#cache,
      budget: this.#budget,
      intake: this.#intake,
      disks: this.#disks,
      checkpointer: this.#checkpointer,
      lag: this.#lag,
      settled: (through, ok) =>
        this.#presence.answer(() => this.#settled(through, ok)),
      roomMade: () => this.#roomMade(),
    });
  }

  #makeCheckpointer(clock: Clock): Checkpointer {
    const { port, report, budget } = this.#options;
    return new Checkpointer({
      port,
      clock,
      report,
      budget: this.#budget,
      journal: {
        appendedBytes: () => this.#intake.journal?.appendedBytes ?? 0,
        // While it is replayed all of the journal stays.
        rotate: () => this.#intake.journal?.rotate() ?? 0,
        turnOver: async () => await this.#intake.journal?.turnOver() ?? 0,
        retireBelow: async (number) => {
          await this.#intake.journal?.retireBelow(number);
        },
        written: async () => await this.#intake.journal?.written(),
        failureCount: () => this.#intake.journal?.failureCount ?? 0,
      },
      heads: () => this.#disks.heads(),
      moved: (head) => {
        head.baseSequence = head.view.sequence;
        head.baseWriterId = this.#options.stateId;
      },
      rewrite: (head, range, from, offset) =>
        this.#intake.append(head, range, from, offset, true) > 0,
      roomMade: () => this.#roomMade(),
      checkpointBytes: budget.checkpointBytes,
      checkpointAgeMs: budget.checkpointAgeMs,
      lag: this.#lag,
    });
  }

  async #shortage(): Promise<RoomShortage | undefined> {
    const shortage = await this.#options.port.shortage();
    if (shortage !== undefined || !this.#checkpointer.isStuck) return shortage;
    return this.#checkpointer.kept.unsettled
      ? { of: "search", message: SEARCH_ADVICE }
      : { of: "damage", message: DAMAGE_ADVICE };
  }

  #settled(throughTicket: number, ok: boolean): void {
    for (const head of this.#disks.heads()) {
      for (const disk of head.disks) disk.settled(throughTicket, ok);
    }
  }

  #roomMade(): void {
    if (!this.#presence.isLost) this.#roomWaiters.roomMade();
  }

  #lose(reason: Error): void {
    this.#presence.lose();
    this.#roomWaiters.stop();
    this.#options.report({
      event: "archive-lost",
      severity: "admin",
      message:
        `This server no longer writes the archive and acknowledges nothing more: ${reason.message}`,
    });
  }
}
