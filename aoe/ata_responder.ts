/**
 * How every part of a target's ATA half answers.
 *
 * Invariant: every failure is an ATA error (status 0x41), never an AoE error:
 * Linux drops frames with the error flag and repeats its request for 180
 * seconds.
 *
 * @module
 */

import {
  ATA_DATA_OFFSET,
  AtaErrorBit,
  ataFrameLength,
  AtaOffset,
  AtaStatus,
} from "./ata.ts";
import { frameBuffer } from "./frame_buffer.ts";
import { type Port, wholeBlocks } from "./port.ts";
import { beginReply } from "./reply.ts";
import type { TargetSettings, TargetStatistics } from "./target_options.ts";

/** A range to be filled in again and again, so that none is allocated. */
export interface MutableRange {
  /** First sector. */
  lba: number;
  /** Sectors. */
  sectorCount: number;
}

/** Answers ATA commands. */
export class AtaResponder {
  /** Most sectors of one command, whatever the port. */
  readonly sectorCountMax: number;
  /** Bytes of the longest request or reply. */
  readonly frameLengthMax: number;
  /** A buffer for replies that are sent at once. */
  readonly reply: Uint8Array;
  readonly #settings: TargetSettings;
  readonly #statistics: TargetStatistics;

  /** Answers for the target of `settings`. */
  constructor(settings: TargetSettings, statistics: TargetStatistics) {
    this.sectorCountMax = wholeBlocks(settings.sectorCountMax);
    this.frameLengthMax = ataFrameLength(this.sectorCountMax);
    this.reply = frameBuffer(this.frameLengthMax);
    this.#settings = settings;
    this.#statistics = statistics;
  }

  /** Puts a request's sectors in `range`; returns error bits, 0 if all is well. */
  locate(
    frame: Uint8Array,
    lba: number,
    sectorCountMax: number,
    range: MutableRange,
  ): number {
    const sectorCount = frame[AtaOffset.SectorCount]!;
    if (sectorCount === 0 || sectorCount > sectorCountMax) {
      return AtaErrorBit.Aborted;
    }
    if (lba + sectorCount > this.#settings.device.sectorCount) {
      return AtaErrorBit.IdNotFound;
    }
    range.lba = lba;
    range.sectorCount = sectorCount;
    return 0;
  }

  /** Fills the first 36 bytes of `reply` with the success of a request. */
  begin(port: Port, frame: Uint8Array, reply: Uint8Array): void {
    beginReply(frame, reply, ATA_DATA_OFFSET, port.link.mac, this.#settings);
    reply[AtaOffset.ErrorFeature] = 0;
    reply[AtaOffset.SectorCount] = 0;
    reply[AtaOffset.CommandStatus] = AtaStatus.Ok;
    reply[AtaOffset.Reserved] = 0;
    reply[AtaOffset.Reserved + 1] = 0;
  }

  /** Answers that a request failed. */
  fail(port: Port, frame: Uint8Array, errorBits: number): void {
    this.begin(port, frame, this.reply);
    this.reply[AtaOffset.SectorCount] = frame[AtaOffset.SectorCount]!;
    this.sendFailed(port, this.reply, errorBits);
  }

  /** Makes a failure of a reply and sends it without data. */
  sendFailed(port: Port, reply: Uint8Array, errorBits: number): void {
    reply[AtaOffset.CommandStatus] = AtaStatus.Failed;
    reply[AtaOffset.ErrorFeature] = errorBits;
    this.#statistics.ataErrors++;
    port.send(reply, ATA_DATA_OFFSET);
  }
}
