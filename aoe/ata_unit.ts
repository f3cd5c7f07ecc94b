/**
 * The ATA half of a target: carries out ATA commands on a `BlockDevice`.
 *
 * Invariants:
 * - every failure is an ATA error (status 0x41), never an AoE error: Linux
 *   drops frames with the error flag and retries them for 180 seconds;
 * - a write is answered when its ticket settles, and not before;
 * - writes reach the device in arrival order: once one is held because the
 *   device had no room, later ones queue behind it. A held write is not
 *   acknowledged, so reads and flushes may pass it;
 * - reads from memory and writes allocate nothing.
 *
 * @module
 */

import {
  ATA_DATA_OFFSET,
  AtaCommand,
  AtaErrorBit,
  ataFrameLength,
  AtaOffset,
  AtaStatus,
  readLba28,
  readLba48,
} from "./ata.ts";
import type { BlockDevice } from "./block_device.ts";
import { FramePool } from "./frame_pool.ts";
import { type HeldWrite, HeldWrites } from "./held_writes.ts";
import { encodeIdentify } from "./identify.ts";
import { PendingReplies } from "./pending_replies.ts";
import { type Port, wholeBlocks } from "./port.ts";
import { beginReply } from "./reply.ts";
import type { TargetSettings, TargetStatistics } from "./target_options.ts";

/** Carries out ATA commands. */
export class AtaUnit {
  readonly #settings: TargetSettings;
  readonly #statistics: TargetStatistics;
  readonly #device: BlockDevice;
  readonly #sectorCountMax: number;
  readonly #reply: Uint8Array;
  readonly #pending: PendingReplies;
  readonly #held: HeldWrites;
  readonly #readBuffers: FramePool;
  /** Handed to the device for the time of a call only, hence one for all. */
  readonly #range: { lba: number; sectorCount: number };
  #awaitingRoom = false;
  #stopped: PromiseWithResolvers<void> | undefined;

  /** A unit for `settings.device`, counting in `statistics`. */
  constructor(settings: TargetSettings, statistics: TargetStatistics) {
    this.#settings = settings;
    this.#statistics = statistics;
    this.#device = settings.device;
    this.#sectorCountMax = wholeBlocks(settings.sectorCountMax);
    const frameLength = ataFrameLength(this.#sectorCountMax);
    this.#reply = new Uint8Array(frameLength);
    this.#pending = new PendingReplies(settings.pendingRepliesMax);
    this.#held = new HeldWrites(
      new FramePool(frameLength, settings.heldWritesMax),
    );
    this.#readBuffers = new FramePool(frameLength, settings.pendingReadsMax);
    this.#range = { lba: 0, sectorCount: 0 };
    this.#device.onSettled((throughTicket, ok) =>
      this.#settle(throughTicket, ok)
    );
  }

  /** Most sectors of one command that came through `port`. */
  sectorCountMax(port: Port): number {
    return Math.min(this.#sectorCountMax, port.sectorCountMax);
  }

  /** Carries out the command in `frame`, which holds the whole argument. */
  handle(port: Port, frame: Uint8Array, length: number): void {
    switch (frame[AtaOffset.CommandStatus]) {
      // The width of the address is that of the command; the E flag says the
      // same, and vblade does not look at it either.
      case AtaCommand.Read:
        return this.#read(port, frame, readLba28(frame));
      case AtaCommand.ReadExt:
        return this.#read(port, frame, readLba48(frame));
      case AtaCommand.Write:
        return this.#write(port, frame, length, readLba28(frame));
      case AtaCommand.WriteExt:
        return this.#write(port, frame, length, readLba48(frame));
      case AtaCommand.FlushCache:
      case AtaCommand.FlushCacheExt:
        return this.#flush(port, frame);
      case AtaCommand.Identify:
        return this.#identify(port, frame);
      default:
        return this.#fail(port, frame, AtaErrorBit.Aborted);
    }
  }

  /**
   * Forgets held writes, takes no more of them, and resolves once every reply
   * that was due has been sent.
   */
  stop(): Promise<void> {
    this.#stopped ??= Promise.withResolvers();
    while (this.#held.size > 0) this.#held.removeOldest();
    this.#checkIdle();
    return this.#stopped.promise;
  }

  #read(port: Port, frame: Uint8Array, lba: number): void {
    const errorBits = this.#locate(port, frame, lba);
    if (errorBits !== 0) return this.#fail(port, frame, errorBits);
    if (this.#device.readNow(this.#range, this.#reply, ATA_DATA_OFFSET)) {
      this.#succeed(port, frame, this.#reply);
      this.#sendRead(port, this.#reply, this.#range.sectorCount);
      return;
    }
    this.#readLater(port, frame);
  }

  #readLater(port: Port, frame: Uint8Array): void {
    const reply = this.#readBuffers.take();
    if (reply === undefined) {
      this.#statistics.droppedRequests++;
      return;
    }
    this.#succeed(port, frame, reply);
    const range = { ...this.#range };
    this.#device.read(range, reply, ATA_DATA_OFFSET).then(
      () => this.#sendRead(port, reply, range.sectorCount),
      () => {
        reply[AtaOffset.SectorCount] = range.sectorCount;
        this.#sendFailed(port, reply, AtaErrorBit.Uncorrectable);
      },
    ).then(() => {
      this.#readBuffers.give(reply);
      port.flush();
      this.#checkIdle();
    });
  }

  #write(port: Port, frame: Uint8Array, length: number, lba: number): void {
    const errorBits = this.#device.readOnly ||
        length < ataFrameLength(frame[AtaOffset.SectorCount]!)
      ? AtaErrorBit.Aborted
      : this.#locate(port, frame, lba);
    if (errorBits !== 0) return this.#fail(port, frame, errorBits);
    if (this.#held.size === 0 && this.#tryWrite(port, frame)) return;
    const count = frame[AtaOffset.SectorCount]!;
    if (
      this.#stopped !== undefined ||
      !this.#held.hold(port, frame, ataFrameLength(count))
    ) {
      this.#statistics.droppedRequests++;
      return;
    }
    this.#statistics.heldWrites++;
    // With the ring of replies full it is not room in the device that lacks:
    // the next tickets to settle start the retry.
    if (!this.#awaitingRoom && !this.#pending.full) this.#awaitRoom();
  }

  /** Offers the sectors at `#range` to the device; false when it has no room. */
  #tryWrite(port: Port, frame: Uint8Array): boolean {
    if (this.#pending.full) return false;
    const ticket = this.#device.write(this.#range, frame, ATA_DATA_OFFSET);
    if (ticket === 0) return false;
    this.#succeed(port, frame, this.#pending.nextFrame);
    this.#pending.push(port, ticket);
    this.#statistics.writes++;
    this.#statistics.sectorsWritten += this.#range.sectorCount;
    return true;
  }

  /** Writes what is held, until nothing is left or there is no room again. */
  #retryHeld(): void {
    while (!this.#awaitingRoom && !this.#pending.full) {
      const held = this.#held.oldest;
      if (held === undefined) return;
      this.#range.lba = heldLba(held);
      this.#range.sectorCount = held.frame[AtaOffset.SectorCount]!;
      if (this.#tryWrite(held.port, held.frame)) this.#held.removeOldest();
      else this.#awaitRoom();
    }
  }

  #awaitRoom(): void {
    this.#awaitingRoom = true;
    this.#device.writable().then(() => {
      this.#awaitingRoom = false;
      this.#retryHeld();
    }, () => {
      this.#awaitingRoom = false;
      this.#failHeld();
    });
  }

  /** The device will never have room: no reason to let the initiator wait. */
  #failHeld(): void {
    let held = this.#held.oldest;
    while (held !== undefined) {
      this.#fail(held.port, held.frame, AtaErrorBit.Aborted);
      held.port.flush();
      this.#held.removeOldest();
      held = this.#held.oldest;
    }
  }

  #flush(port: Port, frame: Uint8Array): void {
    if (this.#pending.full) {
      this.#statistics.droppedRequests++;
      return;
    }
    this.#statistics.flushes++;
    const reply = this.#pending.nextFrame;
    this.#succeed(port, frame, reply);
    const ticket = this.#device.lastTicket;
    if (ticket === 0) port.send(reply, ATA_DATA_OFFSET);
    else this.#pending.push(port, ticket);
  }

  #identify(port: Port, frame: Uint8Array): void {
    this.#succeed(port, frame, this.#reply);
    encodeIdentify(this.#reply, ATA_DATA_OFFSET, this.#device);
    port.send(this.#reply, ataFrameLength(1));
  }

  #settle(throughTicket: number, ok: boolean): void {
    const count = this.#pending.settle(throughTicket, ok);
    if (!ok) this.#statistics.ataErrors += count;
    this.#retryHeld();
    this.#checkIdle();
  }

  /** Puts the request's sectors in `#range`; returns error bits, 0 if all is well. */
  #locate(port: Port, frame: Uint8Array, lba: number): number {
    const sectorCount = frame[AtaOffset.SectorCount]!;
    if (sectorCount === 0 || sectorCount > this.sectorCountMax(port)) {
      return AtaErrorBit.Aborted;
    }
    if (lba + sectorCount > this.#device.sectorCount) {
      return AtaErrorBit.IdNotFound;
    }
    this.#range.lba = lba;
    this.#range.sectorCount = sectorCount;
    return 0;
  }

  /** Fills the first 36 bytes of `reply` with the success of a request. */
  #succeed(port: Port, frame: Uint8Array, reply: Uint8Array): void {
    beginReply(
      frame,
      reply,
      ATA_DATA_OFFSET,
      port.link.mac,
      this.#settings,
    );
    reply[AtaOffset.ErrorFeature] = 0;
    reply[AtaOffset.SectorCount] = 0;
    reply[AtaOffset.CommandStatus] = AtaStatus.Ok;
  }

  #sendRead(port: Port, reply: Uint8Array, sectorCount: number): void {
    this.#statistics.reads++;
    this.#statistics.sectorsRead += sectorCount;
    port.send(reply, ataFrameLength(sectorCount));
  }

  #fail(port: Port, frame: Uint8Array, errorBits: number): void {
    this.#succeed(port, frame, this.#reply);
    this.#reply[AtaOffset.SectorCount] = frame[AtaOffset.SectorCount]!;
    this.#sendFailed(port, this.#reply, errorBits);
  }

  #sendFailed(port: Port, reply: Uint8Array, errorBits: number): void {
    reply[AtaOffset.CommandStatus] = AtaStatus.Failed;
    reply[AtaOffset.ErrorFeature] = errorBits;
    this.#statistics.ataErrors++;
    port.send(reply, ATA_DATA_OFFSET);
  }

  #checkIdle(): void {
    if (this.#pending.size > 0 || this.#readBuffers.borrowedCount > 0) return;
    this.#stopped?.resolve();
  }
}

function heldLba(held: HeldWrite): number {
  return held.frame[AtaOffset.CommandStatus] === AtaCommand.Write
    ? readLba28(held.frame)
    : readLba48(held.frame);
}
