/**
 * The ATA half of a target: carries out ATA commands on a `BlockDevice`.
 *
 * @module
 */

import {
  ATA_DATA_OFFSET,
  AtaCommand,
  AtaErrorBit,
  ataFrameLength,
  AtaOffset,
  readLba28,
  readLba48,
} from "./ata.ts";
import { AtaReads } from "./ata_reads.ts";
import { answerFromRegisters } from "./ata_registers.ts";
import { AtaResponder } from "./ata_responder.ts";
import { AtaWrites } from "./ata_writes.ts";
import { encodeIdentify } from "./identify.ts";
import type { Port } from "./port.ts";
import type { TargetSettings, TargetStatistics } from "./target_options.ts";

/** Carries out ATA commands. */
export class AtaUnit {
  readonly #settings: TargetSettings;
  readonly #responder: AtaResponder;
  readonly #reads: AtaReads;
  readonly #writes: AtaWrites;
  #stopped: PromiseWithResolvers<void> | undefined;

  /** A unit for `settings.device`, counting in `statistics`. */
  constructor(settings: TargetSettings, statistics: TargetStatistics) {
    const responder = new AtaResponder(settings, statistics);
    const onIdle = (): void => this.#checkIdle();
    this.#settings = settings;
    this.#responder = responder;
    this.#reads = new AtaReads(settings, statistics, responder, onIdle);
    this.#writes = new AtaWrites(settings, statistics, responder, onIdle);
  }

  /** Most sectors of one command that came through `port`. */
  sectorCountMax(port: Port): number {
    return Math.min(this.#responder.sectorCountMax, port.sectorCountMax);
  }

  /** Carries out the command in `frame`, which holds the whole argument. */
  handle(port: Port, frame: Uint8Array, length: number): void {
    const max = this.sectorCountMax(port);
    switch (frame[AtaOffset.CommandStatus]) {
      // The width of the address is that of the command; the E flag says the
      // same, and vblade does not look at it either.
      case AtaCommand.Read:
        return this.#reads.read(port, frame, readLba28(frame), max);
      case AtaCommand.ReadExt:
        return this.#reads.read(port, frame, readLba48(frame), max);
      case AtaCommand.Write:
        return this.#writes.write(port, frame, length, readLba28(frame), max);
      case AtaCommand.WriteExt:
        return this.#writes.write(port, frame, length, readLba48(frame), max);
      case AtaCommand.ReadVerify:
        return this.#reads.verify(port, frame, readLba28(frame));
      case AtaCommand.ReadVerifyExt:
        return this.#reads.verify(port, frame, readLba48(frame));
      case AtaCommand.DataSetManagement:
        return this.#writes.trim(port, frame, length);
      case AtaCommand.FlushCache:
      case AtaCommand.FlushCacheExt:
        return this.#writes.flush(port, frame);
      case AtaCommand.Identify:
        return this.#identify(port, frame);
      default:
        return this.#answerFromRegisters(port, frame);
    }
  }

  /**
   * Forgets held writes, takes no more of them, and resolves once every reply
   * that was due has been sent.
   */
  stop(): Promise<void> {
    this.#stopped ??= Promise.withResolvers();
    this.#writes.stop();
    this.#checkIdle();
    return this.#stopped.promise;
  }

  #identify(port: Port, frame: Uint8Array): void {
    const { device, serial } = this.#settings;
    const { reply } = this.#responder;
    this.#responder.begin(port, frame, reply);
    encodeIdentify(reply, ATA_DATA_OFFSET, {
      sectorCount: device.sectorCount,
      identity: { ...device.identity, serial },
      trim: this.#writes.readOnly
        ? "none"
        : device.trim === undefined
        ? "hint"
        : "zero",
    });
    port.send(reply, ataFrameLength(1));
  }

  #answerFromRegisters(port: Port, frame: Uint8Array): void {
    const { reply } = this.#responder;
    this.#responder.begin(port, frame, reply);
    const length = answerFromRegisters(frame, reply);
    if (length > 0) port.send(reply, length);
    else this.#responder.fail(port, frame, AtaErrorBit.Aborted);
  }

  #checkIdle(): void {
    if (this.#writes.idle && this.#reads.idle) this.#stopped?.resolve();
  }
}
