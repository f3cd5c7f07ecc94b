/**
 * Reading or writing a run of sectors in as many frames as it takes, several of
 * them outstanding at a time.
 *
 * @module
 */

import {
  ATA_DATA_OFFSET,
  ATA_STATUS_FAILURE_MASK,
  AtaCommand,
  AtaFlag,
  ataFrameLength,
  AtaOffset,
  readLba48,
  writeLba48,
} from "../ata.ts";
import { SECTOR_SIZE, type SectorRange } from "../block_device.ts";
import { copyBytes } from "../bytes.ts";
import { AoeFlag, HeaderOffset } from "../header.ts";
import type { Work } from "./request_queue.ts";
import { throwAoeError, throwAtaError } from "./single_request.ts";

/** What to transfer, and how. */
export interface SectorTransferOptions {
  /** Direction. */
  readonly direction: "read" | "write";
  /** Sectors. */
  readonly range: SectorRange;
  /** Where they come from or go to; borrowed until the transfer is done. */
  readonly bytes: Uint8Array;
  /** Header and argument of a request to the target, 36 bytes. */
  readonly template: Uint8Array;
  /** Most sectors of a frame. */
  readonly frameSectorsMax: number;
  /** The frame that was sent from a place, as the exchange has it. */
  readonly requestAt: (place: number) => Uint8Array;
  /** Name of the target, for messages. */
  readonly targetName: string;
}

/** A run of sectors on its way. */
export class SectorTransfer implements Work {
  /**
   * Settles when every frame issued has been answered or has failed; rejects
   * with the first error, after which no more frames are issued.
   */
  readonly done: Promise<void>;
  readonly #options: SectorTransferOptions;
  readonly #settlers: PromiseWithResolvers<void>;
  #issuedSectors = 0;
  #outstandingFrames = 0;
  #error: unknown;

  /** A transfer that has issued nothing. */
  constructor(options: SectorTransferOptions) {
    this.#options = options;
    this.#settlers = Promise.withResolvers();
    this.done = this.#settlers.promise;
  }

  /** True when all is issued, or something failed. */
  get exhausted(): boolean {
    return this.#error !== undefined ||
      this.#issuedSectors === this.#options.range.sectorCount;
  }

  /** Fills a frame for the next sectors. */
  issue(frame: Uint8Array): number {
    const { range, template, direction, bytes } = this.#options;
    const sectorCount = Math.min(
      this.#options.frameSectorsMax,
      range.sectorCount - this.#issuedSectors,
    );
    const isWrite = direction === "write";
    copyBytes(template, 0, frame, 0, ATA_DATA_OFFSET);
    frame[AtaOffset.Flags] = AtaFlag.Extended | (isWrite ? AtaFlag.Write : 0);
    frame[AtaOffset.SectorCount] = sectorCount;
    frame[AtaOffset.CommandStatus] = isWrite
      ? AtaCommand.WriteExt
      : AtaCommand.ReadExt;
    writeLba48(frame, range.lba + this.#issuedSectors);
    const start = this.#issuedSectors * SECTOR_SIZE;
    this.#issuedSectors += sectorCount;
    this.#outstandingFrames++;
    if (!isWrite) return ATA_DATA_OFFSET;
    frame.set(
      bytes.subarray(start, start + sectorCount * SECTOR_SIZE),
      ATA_DATA_OFFSET,
    );
    return ataFrameLength(sectorCount);
  }

  /** Checks an answer, and copies what was read. */
  onReply(place: number, reply: Uint8Array, length: number): void {
    try {
      this.#accept(this.#options.requestAt(place), reply, length);
    } catch (error) {
      this.#error ??= error;
    }
    this.#finishFrame();
  }

  /** Notes the failure of a frame. */
  onFailure(_place: number, error: Error): void {
    this.#error ??= error;
    this.#finishFrame();
  }

  /** What is tried. */
  describe(place: number): string {
    return this.#describe(this.#options.requestAt(place));
  }

  #accept(request: Uint8Array, reply: Uint8Array, length: number): void {
    const { direction, range, bytes } = this.#options;
    const sectorCount = request[AtaOffset.SectorCount]!;
    const lengthMin = direction === "read"
      ? ataFrameLength(sectorCount)
      : ATA_DATA_OFFSET;
    // A message is made only where there is something to say.
    if (length < lengthMin || tellsFailure(reply)) {
      const action = this.#describe(request);
      throwAoeError(reply, action);
      throwAtaError(reply, length, lengthMin, action);
    }
    if (direction === "write") return;
    bytes.set(
      reply.subarray(ATA_DATA_OFFSET, lengthMin),
      (readLba48(request) - range.lba) * SECTOR_SIZE,
    );
  }

  #finishFrame(): void {
    this.#outstandingFrames--;
    if (this.#outstandingFrames > 0 || !this.exhausted) return;
    if (this.#error === undefined) this.#settlers.resolve();
    else this.#settlers.reject(this.#error);
  }

  #describe(request: Uint8Array): string {
    const { direction, targetName } = this.#options;
    return `${direction} ${request[AtaOffset.SectorCount]} sectors at ${
      readLba48(request)
    } of ${targetName}`;
  }
}

function tellsFailure(reply: Uint8Array): boolean {
  return (reply[HeaderOffset.VersionFlags]! & AoeFlag.Error) !== 0 ||
    (reply[AtaOffset.CommandStatus]! & ATA_STATUS_FAILURE_MASK) !== 0;
}
