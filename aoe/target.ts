/**
 * A target: a disk at a shelf.slot address. Answers the commands of AoE for
 * it, whichever link they came through.
 *
 * Invariant: a frame of a host that the allow list or the MAC mask leaves out
 * changes nothing and is not answered, whatever is in it.
 *
 * @module
 */

import {
  ATA_DATA_OFFSET,
  AtaErrorBit,
  AtaOffset,
  AtaStatus,
  transfersSectors,
} from "./ata.ts";
import { AtaUnit } from "./ata_unit.ts";
import type { BlockDevice } from "./block_device.ts";
import { ConfigResponder } from "./config_responder.ts";
import {
  AOE_VERSION,
  AoeCommand,
  AoeErrorCode,
  AoeFlag,
  encodeHeader,
  HeaderOffset,
  MAC_BROADCAST,
} from "./header.ts";
import { LiveState } from "./live_state.ts";
import { MacList } from "./mac_list.ts";
import { MaskResponder } from "./mask_responder.ts";
import type { Port } from "./port.ts";
import { ReserveResponder } from "./reserve_responder.ts";
import { ResponseBuffer } from "./response_buffer.ts";
import {
  emptyTargetStatistics,
  type TargetOptions,
  type TargetSettings,
  targetSettings,
  type TargetStatistics,
} from "./target_options.ts";
import type { TargetState } from "./target_state.ts";

/** A disk at an address. */
export class Target {
  readonly #settings: TargetSettings;
  readonly #statistics: TargetStatistics = emptyTargetStatistics();
  readonly #allow: MacList;
  readonly #state: LiveState;
  readonly #response: ResponseBuffer;
  readonly #ata: AtaUnit;
  readonly #config: ConfigResponder;
  readonly #mask: MaskResponder;
  readonly #reserve: ReserveResponder;

  /**
   * Takes the device's one settle listener for itself.
   *
   * @throws {RangeError} when an option is out of range.
   */
  constructor(options: TargetOptions) {
    const settings = targetSettings(options);
    this.#settings = settings;
    this.#allow = new MacList(settings.allow);
    this.#state = new LiveState(settings.state, options.onStateChanged);
    this.#response = new ResponseBuffer(settings, this.#statistics);
    this.#ata = new AtaUnit(settings, this.#statistics);
    this.#config = new ConfigResponder(this.#response, this.#state, {
      bufferCount: settings.bufferCount,
      firmwareVersion: settings.firmwareVersion,
      sectorCountMax: (port) => this.#ata.sectorCountMax(port),
    });
    this.#mask = new MaskResponder(this.#response, this.#state);
    this.#reserve = new ReserveResponder(this.#response, this.#state);
  }

  /** Shelf. */
  get shelf(): number {
    return this.#settings.shelf;
  }

  /** Slot. */
  get slot(): number {
    return this.#settings.slot;
  }

  /** The disk. */
  get device(): BlockDevice {
    return this.#settings.device;
  }

  /** Whether writes are refused, by the device or by option. */
  get readOnly(): boolean {
    return this.#settings.readOnly || this.#settings.device.readOnly;
  }

  /** The serial number that IDENTIFY tells. */
  get serial(): string {
    return this.#settings.serial;
  }

  /** Live counters. */
  get statistics(): Readonly<TargetStatistics> {
    return this.#statistics;
  }

  /** A copy of what initiators left behind. */
  get state(): TargetState {
    return this.#state.value;
  }

  /**
   * Replaces what initiators left behind, for example to lift a mask that has
   * locked everybody out. `onStateChanged` is told; settles as its promise
   * does. Rejects with a `RangeError` when the state is not valid.
   */
  async replaceState(state: TargetState): Promise<void> {
    this.#state.replace(state);
    await this.#state.kept();
  }

  /**
   * Answers a request for this target. `frame` is borrowed until this returns;
   * the caller has checked its header. Never throws because of what is in it.
   */
  handle(port: Port, frame: Uint8Array, length: number): void {
    this.#statistics.frames++;
    if (!this.#listensTo(frame, HeaderOffset.Source)) {
      this.#statistics.refusedFrames++;
      return;
    }
    if (frame[HeaderOffset.VersionFlags]! >>> 4 !== AOE_VERSION) {
      return this.#refuse(port, frame, AoeErrorCode.UnsupportedVersion);
    }
    switch (frame[HeaderOffset.Command]) {
      case AoeCommand.Ata:
        return this.#handleAta(port, frame, length);
      case AoeCommand.QueryConfig:
        return this.#config.handle(port, frame, length);
      case AoeCommand.MacMask:
        return this.#mask.handle(port, frame, length);
      case AoeCommand.ReserveRelease:
        return this.#reserve.handle(port, frame, length);
      default:
        return this.#refuse(port, frame, AoeErrorCode.UnrecognizedCommand);
    }
  }

  /**
   * Sends an unsolicited query config response (AoEr11 section 3.2), by which
   * initiators find the target at once instead of at their next query: to
   * everybody, or to each host of the mask or the allow list, if there is one.
   */
  advertise(port: Port): void {
    const mask = this.#state.mask;
    const list = mask.size > 0 ? mask : this.#allow;
    if (list.size === 0) return this.#advertiseTo(port, MAC_BROADCAST);
    for (const mac of list.toArray()) {
      if (this.#listensTo(mac, 0)) this.#advertiseTo(port, mac);
    }
  }

  /** Resolves once every reply that is due has been sent; held writes are forgotten. */
  async stop(): Promise<void> {
    await this.#ata.stop();
    await this.#response.settle();
  }

  /** Whether the host at `offset` of `bytes` is one to listen to. */
  #listensTo(bytes: Uint8Array, offset: number): boolean {
    const { mask } = this.#state;
    return (this.#allow.size === 0 || this.#allow.has(bytes, offset)) &&
      (mask.size === 0 || mask.has(bytes, offset));
  }

  #handleAta(port: Port, frame: Uint8Array, length: number): void {
    if (length < ATA_DATA_OFFSET) {
      return this.#refuse(port, frame, AoeErrorCode.BadArgument);
    }
    const { reservation } = this.#state;
    if (
      reservation.size > 0 &&
      transfersSectors(frame[AtaOffset.CommandStatus]!) &&
      !reservation.has(frame, HeaderOffset.Source)
    ) {
      return this.#refuseReserved(port, frame);
    }
    this.#ata.handle(port, frame, length);
  }

  /**
   * Error 6, as AoEr11 section 3.4 has it. The registers tell of a failure as
   * well, for initiators that look at nothing else.
   */
  #refuseReserved(port: Port, frame: Uint8Array): void {
    this.#response.begin(port, frame, ATA_DATA_OFFSET);
    this.#response.markError(AoeErrorCode.TargetReserved);
    this.#response.bytes[AtaOffset.CommandStatus] = AtaStatus.Failed;
    this.#response.bytes[AtaOffset.ErrorFeature] = AtaErrorBit.Aborted;
    this.#response.bytes[AtaOffset.Reserved] = 0;
    this.#response.bytes[AtaOffset.Reserved + 1] = 0;
    this.#response.send(port, ATA_DATA_OFFSET);
  }

  #refuse(port: Port, frame: Uint8Array, code: number): void {
    this.#response.refuse(port, frame, code);
  }

  #advertiseTo(port: Port, destination: Uint8Array): void {
    encodeHeader(this.#response.bytes, {
      destination,
      source: port.link.mac,
      version: AOE_VERSION,
      flags: AoeFlag.Response,
      error: 0,
      shelf: this.shelf,
      slot: this.slot,
      command: AoeCommand.QueryConfig,
      tag: 0,
    });
    this.#config.advertise(port);
  }
}
