/**
 * The ATA commands of a target that read sectors: READ and READ VERIFY.
 *
 * Invariant: a read from memory allocates nothing.
 *
 * @module
 */

import {
  ATA_DATA_OFFSET,
  AtaErrorBit,
  ataFrameLength,
  AtaOffset,
} from "./ata.ts";
import type { AtaResponder, MutableRange } from "./ata_responder.ts";
import type { BlockDevice, SectorRange } from "./block_device.ts";
import { FramePool } from "./frame_pool.ts";
import { HeaderOffset } from "./header.ts";
import type { Port } from "./port.ts";
import type { TargetSettings, TargetStatistics } from "./target_options.ts";

/** What the count register can hold: READ VERIFY sends no data back. */
const VERIFY_SECTOR_COUNT_MAX = 0xff;

/** Reads sectors. */
export class AtaReads {
  readonly #device: BlockDevice;
  readonly #statistics: TargetStatistics;
  readonly #responder: AtaResponder;
  readonly #buffers: FramePool;
  readonly #onIdle: () => void;
  /** Handed to the device for the time of a call only, hence one for all. */
  readonly #range: MutableRange = { lba: 0, sectorCount: 0 };

  /** Reads `settings.device`; `onIdle` is told when no read waits any more. */
  constructor(
    settings: TargetSettings,
    statistics: TargetStatistics,
    responder: AtaResponder,
    onIdle: () => void,
  ) {
    this.#device = settings.device;
    this.#statistics = statistics;
    this.#responder = responder;
    this.#onIdle = onIdle;
    this.#buffers = new FramePool(
      responder.frameLengthMax,
      settings.pendingReadsMax,
      HeaderOffset.Destination,
    );
  }

  /** Whether no read waits for the device. */
  get idle(): boolean {
    return this.#buffers.borrowedCount === 0;
  }

  /** Answers READ SECTOR(S) from `lba` on. */
  read(
    port: Port,
    frame: Uint8Array,
    lba: number,
    sectorCountMax: number,
  ): void {
    const range = this.#range;
    const bits = this.#responder.locate(frame, lba, sectorCountMax, range);
    if (bits !== 0) return this.#refuse(port, frame, sectorCountMax, bits);
    const { reply } = this.#responder;
    if (this.#device.readNow(range, reply, ATA_DATA_OFFSET)) {
      this.#responder.begin(port, frame, reply);
      this.#send(port, reply, range.sectorCount);
      return;
    }
    const { lba: first, sectorCount } = range;
    this.#wait(
      port,
      frame,
      (buffer) =>
        this.#device.read({ lba: first, sectorCount }, buffer, ATA_DATA_OFFSET),
      (buffer) => this.#send(port, buffer, sectorCount),
    );
  }

  /** Answers READ VERIFY SECTOR(S): reads as READ does, and sends nothing back. */
  verify(port: Port, frame: Uint8Array, lba: number): void {
    const range = { lba: 0, sectorCount: 0 };
    const bits = this.#responder.locate(
      frame,
      lba,
      VERIFY_SECTOR_COUNT_MAX,
      range,
    );
    if (bits !== 0) return this.#responder.fail(port, frame, bits);
    this.#wait(
      port,
      frame,
      (buffer) => this.#readThrough(range, buffer),
      (buffer) => port.send(buffer, ATA_DATA_OFFSET),
    );
  }

  /**
   * A read that was allowed when it was sent, and whose answer the link cannot
   * carry since its MTU shrank, is lost as the answer would be. An error would
   * reach the application; so the initiator, which repeats it for minutes, has
   * its answer when the MTU returns.
   */
  #refuse(
    port: Port,
    frame: Uint8Array,
    sectorCountMax: number,
    errorBits: number,
  ): void {
    const sectorCount = frame[AtaOffset.SectorCount]!;
    const isLate = sectorCount > sectorCountMax &&
      sectorCount <= port.sectorCountPromised &&
      sectorCount <= this.#responder.sectorCountMax;
    if (isLate) this.#statistics.droppedRequests++;
    else this.#responder.fail(port, frame, errorBits);
  }

  /** Has `carryOut` done in a buffer of its own, then the answer sent. */
  #wait(
    port: Port,
    frame: Uint8Array,
    carryOut: (buffer: Uint8Array) => Promise<void>,
    send: (buffer: Uint8Array) => void,
  ): void {
    const buffer = this.#buffers.take(frame);
    if (buffer === undefined) {
      this.#statistics.droppedRequests++;
      return;
    }
    const sectorCount = frame[AtaOffset.SectorCount]!;
    this.#responder.begin(port, frame, buffer);
    carryOut(buffer).then(() => send(buffer), () => {
      buffer[AtaOffset.SectorCount] = sectorCount;
      this.#responder.sendFailed(port, buffer, AtaErrorBit.Uncorrectable);
    }).then(() => {
      this.#buffers.give(buffer);
      port.flush();
      this.#onIdle();
    });
  }

  async #readThrough(range: SectorRange, buffer: Uint8Array): Promise<void> {
    const step = this.#responder.sectorCountMax;
    for (let done = 0; done < range.sectorCount; done += step) {
      const part = {
        lba: range.lba + done,
        sectorCount: Math.min(step, range.sectorCount - done),
      };
      if (this.#device.readNow(part, buffer, ATA_DATA_OFFSET)) continue;
      await this.#device.read(part, buffer, ATA_DATA_OFFSET);
    }
  }

  #send(port: Port, reply: Uint8Array, sectorCount: number): void {
    this.#statistics.reads++;
    this.#statistics.sectorsRead += sectorCount;
    port.send(reply, ataFrameLength(sectorCount));
  }
}
