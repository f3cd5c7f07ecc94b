/**
 * The ATA commands of a target that change sectors or wait for changes: WRITE,
 * TRIM and FLUSH CACHE.
 *
 * Invariants:
 * - a write is answered when its ticket settles, and not before;
 * - changes reach the device in arrival order: once one is held because the
 *   device had no room, later ones queue behind it. A held change is not
 *   acknowledged, so reads and flushes may pass it;
 * - a write that the device has room for allocates nothing.
 *
 * @module
 */

import {
  ATA_DATA_OFFSET,
  AtaCommand,
  AtaErrorBit,
  AtaFeature,
  ataFrameLength,
  AtaOffset,
  readLba28,
  readLba48,
} from "./ata.ts";
import type { AtaResponder, MutableRange } from "./ata_responder.ts";
import type { BlockDevice } from "./block_device.ts";
import { FramePool } from "./frame_pool.ts";
import { HeaderOffset } from "./header.ts";
import { type HeldWrite, HeldWrites } from "./held_writes.ts";
import { PendingReplies } from "./pending_replies.ts";
import type { Port } from "./port.ts";
import { SlowFlushes } from "./slow_flushes.ts";
import type { TargetSettings, TargetStatistics } from "./target_options.ts";
import {
  clearTrimEntry,
  readTrimEntry,
  TRIM_BLOCK_COUNT_MAX,
  TRIM_ENTRY_COUNT,
} from "./trim.ts";
import { yieldToEventLoop } from "./yield.ts";

/** Sectors trimmed in one go, 32 MiB: a device may have to touch them all. */
const TRIM_SECTORS_PER_TURN = 65_536;

/** Changes sectors. */
export class AtaWrites {
  readonly #device: BlockDevice;
  readonly #readOnly: boolean;
  readonly #statistics: TargetStatistics;
  readonly #responder: AtaResponder;
  readonly #pending: PendingReplies;
  readonly #held: HeldWrites;
  readonly #slowFlushes: SlowFlushes | undefined;
  readonly #onIdle: () => void;
  /** Handed to the device for the time of a call only, hence one for all. */
  readonly #range: MutableRange = { lba: 0, sectorCount: 0 };
  /** Tickets of the trim at the head of the queue, 0 where it has none yet. */
  #trimFirstTicket = 0;
  #trimLastTicket = 0;
  #awaiting = false;
  #stopped = false;

  /**
   * Changes `settings.device` and takes its settle listener; `onIdle` is told
   * when no reply may wait any more.
   */
  constructor(
    settings: TargetSettings,
    statistics: TargetStatistics,
    responder: AtaResponder,
    onIdle: () => void,
  ) {
    this.#device = settings.device;
    this.#readOnly = settings.readOnly;
    this.#statistics = statistics;
    this.#responder = responder;
    this.#onIdle = onIdle;
    this.#pending = new PendingReplies(settings.pendingRepliesMax);
    this.#held = new HeldWrites(
      new FramePool(
        responder.frameLengthMax,
        settings.heldWritesMax,
        HeaderOffset.Source,
      ),
    );
    const { flush } = this.#device;
    this.#slowFlushes = flush === undefined
      ? undefined
      : new SlowFlushes(responder, () => flush.call(this.#device));
    this.#device.onSettled((throughTicket, ok) =>
      this.#settle(throughTicket, ok)
    );
  }

  /** Whether no reply waits for a ticket. */
  get idle(): boolean {
    return this.#pending.size === 0;
  }

  /** Whether changes are refused. */
  get readOnly(): boolean {
    return this.#readOnly || this.#device.readOnly;
  }

  /** Answers WRITE SECTOR(S) from `lba` on. */
  write(
    port: Port,
    frame: Uint8Array,
    length: number,
    lba: number,
    sectorCountMax: number,
  ): void {
    const errorBits =
      this.readOnly || length < ataFrameLength(frame[AtaOffset.SectorCount]!)
        ? AtaErrorBit.Aborted
        : this.#responder.locate(frame, lba, sectorCountMax, this.#range);
    if (errorBits !== 0) return this.#responder.fail(port, frame, errorBits);
    if (this.#held.size === 0 && this.#tryWrite(port, frame)) return;
    if (!this.#hold(port, frame)) return;
    this.#statistics.heldWrites++;
    // With the ring of replies full it is not room in the device that lacks:
    // the next tickets to settle start the retry.
    if (!this.#awaiting && !this.#pending.full) this.#awaitRoom();
  }

  /** Answers DATA SET MANAGEMENT. */
  trim(port: Port, frame: Uint8Array, length: number): void {
    const errorBits = this.#judgeTrim(frame, length);
    if (errorBits !== 0) return this.#responder.fail(port, frame, errorBits);
    this.#statistics.trims++;
    if (this.#device.trim === undefined) return this.#sendDone(port, frame);
    // By way of the queue always: the entries done are struck out of the copy.
    this.#hold(port, frame);
    this.#retryHeld();
  }

  /** Answers FLUSH CACHE when every write acknowledged before is durable. */
  flush(port: Port, frame: Uint8Array): void {
    if (this.#slowFlushes !== undefined) {
      const isTaken = !this.#stopped && this.#slowFlushes.take(port, frame);
      if (isTaken) this.#statistics.flushes++;
      else this.#statistics.droppedRequests++;
      return;
    }
    if (this.#pending.full) {
      this.#statistics.droppedRequests++;
      return;
    }
    this.#statistics.flushes++;
    const ticket = this.#device.lastTicket;
    if (ticket === 0) return this.#sendDone(port, frame);
    this.#responder.begin(port, frame, this.#pending.nextFrame);
    this.#pending.push(port, ticket);
  }

  /** Forgets what is held, and holds nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#slowFlushes?.stop();
    while (this.#held.size > 0) this.#held.removeOldest();
  }

  #hold(port: Port, frame: Uint8Array): boolean {
    const length = ataFrameLength(frame[AtaOffset.SectorCount]!);
    if (!this.#stopped && this.#held.hold(port, frame, length)) return true;
    this.#statistics.droppedRequests++;
    return false;
  }

  /** Offers the sectors at `#range` to the device; false when it has no room. */
  #tryWrite(port: Port, frame: Uint8Array): boolean {
    if (this.#pending.full) return false;
    const ticket = this.#device.write(this.#range, frame, ATA_DATA_OFFSET);
    if (ticket === 0) return false;
    this.#responder.begin(port, frame, this.#pending.nextFrame);
    this.#pending.push(port, ticket);
    this.#statistics.writes++;
    this.#statistics.sectorsWritten += this.#range.sectorCount;
    return true;
  }

  /** Error bits of a DATA SET MANAGEMENT, 0 if it can be carried out whole. */
  #judgeTrim(frame: Uint8Array, length: number): number {
    const blockCount = frame[AtaOffset.SectorCount]!;
    if (
      this.readOnly || frame[AtaOffset.ErrorFeature] !== AtaFeature.Trim ||
      blockCount < 1 || blockCount > TRIM_BLOCK_COUNT_MAX ||
      length < ataFrameLength(blockCount)
    ) {
      return AtaErrorBit.Aborted;
    }
    for (let i = 0; i < TRIM_ENTRY_COUNT; i++) {
      readTrimEntry(frame, i, this.#range);
      const { lba, sectorCount } = this.#range;
      if (sectorCount > 0 && lba + sectorCount > this.#device.sectorCount) {
        return AtaErrorBit.IdNotFound;
      }
    }
    return 0;
  }

  /**
   * Trims for the request at the head of the queue until all is done, there is
   * no room, or it has been long enough; true when all is done.
   */
  #tryTrim({ port, frame }: HeldWrite): boolean {
    let sectorCount = 0;
    for (let i = 0; i < TRIM_ENTRY_COUNT; i++) {
      readTrimEntry(frame, i, this.#range);
      if (this.#range.sectorCount === 0) continue;
      sectorCount += this.#range.sectorCount;
      if (sectorCount > TRIM_SECTORS_PER_TURN) {
        this.#await(yieldToEventLoop());
        return false;
      }
      const ticket = this.#device.trim!(this.#range);
      if (ticket === 0) return false;
      if (this.#trimFirstTicket === 0) this.#trimFirstTicket = ticket;
      this.#trimLastTicket = ticket;
      clearTrimEntry(frame, i);
    }
    if (this.#trimLastTicket === 0) {
      this.#sendDone(port, frame);
      port.flush();
      return true;
    }
    this.#responder.begin(port, frame, this.#pending.nextFrame);
    this.#pending.push(port, this.#trimLastTicket, this.#trimFirstTicket);
    this.#trimFirstTicket = 0;
    this.#trimLastTicket = 0;
    return true;
  }

  /** Carries out what is held, until nothing is left or there is no room again. */
  #retryHeld(): void {
    while (!this.#awaiting && !this.#pending.full) {
      const held = this.#held.oldest;
      if (held === undefined) return;
      if (this.#tryHeld(held)) this.#held.removeOldest();
      else if (!this.#awaiting) this.#awaitRoom();
    }
  }

  #tryHeld(held: HeldWrite): boolean {
    const { port, frame } = held;
    const command = frame[AtaOffset.CommandStatus];
    if (command === AtaCommand.DataSetManagement) return this.#tryTrim(held);
    this.#range.lba = command === AtaCommand.Write
      ? readLba28(frame)
      : readLba48(frame);
    this.#range.sectorCount = frame[AtaOffset.SectorCount]!;
    return this.#tryWrite(port, frame);
  }

  #awaitRoom(): void {
    this.#await(this.#device.writable());
  }

  #await(ready: Promise<void>): void {
    this.#awaiting = true;
    ready.then(() => {
      this.#awaiting = false;
      this.#retryHeld();
    }, () => {
      this.#awaiting = false;
      this.#failHeld();
    });
  }

  /** The device will never have room: no reason to let the initiator wait. */
  #failHeld(): void {
    this.#trimFirstTicket = 0;
    this.#trimLastTicket = 0;
    let held = this.#held.oldest;
    while (held !== undefined) {
      this.#responder.fail(held.port, held.frame, AtaErrorBit.Aborted);
      held.port.flush();
      this.#held.removeOldest();
      held = this.#held.oldest;
    }
  }

  /** Answers at once that all is done. */
  #sendDone(port: Port, frame: Uint8Array): void {
    const { reply } = this.#responder;
    this.#responder.begin(port, frame, reply);
    port.send(reply, ATA_DATA_OFFSET);
  }

  #settle(throughTicket: number, ok: boolean): void {
    const count = this.#pending.settle(throughTicket, ok);
    if (!ok) this.#statistics.ataErrors += count;
    this.#retryHeld();
    this.#onIdle();
  }
}
