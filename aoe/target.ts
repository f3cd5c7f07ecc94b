/**
 * A target: a disk at a shelf.slot address. Answers the commands of AoE for
 * it, whichever link they came through.
 *
 * @module
 */

import { ATA_DATA_OFFSET } from "./ata.ts";
import { AtaUnit } from "./ata_unit.ts";
import type { BlockDevice } from "./block_device.ts";
import { equalBytes } from "./bytes.ts";
import {
  AOE_VERSION,
  AoeCommand,
  AoeErrorCode,
  AoeFlag,
  encodeHeader,
  HEADER_LENGTH,
  HeaderOffset,
  MAC_BROADCAST,
} from "./header.ts";
import type { Port } from "./port.ts";
import {
  CONFIG_STRING_LENGTH_MAX,
  CONFIG_STRING_OFFSET,
  ConfigCommand,
  ConfigOffset,
  configStringLength,
  encodeConfigArgument,
} from "./query_config.ts";
import { beginReply, markAoeError } from "./reply.ts";
import {
  emptyTargetStatistics,
  type TargetOptions,
  type TargetSettings,
  targetSettings,
  type TargetStatistics,
} from "./target_options.ts";

/** What a query asks to be done about the config string. */
type ConfigVerdict = "answer" | "silence" | "present" | "bad";

/** A disk at an address. */
export class Target {
  readonly #settings: TargetSettings;
  readonly #statistics: TargetStatistics = emptyTargetStatistics();
  readonly #onConfigString: ((configString: Uint8Array) => void) | undefined;
  readonly #ata: AtaUnit;
  readonly #reply: Uint8Array;
  #configString: Uint8Array;

  /**
   * Takes the device's one settle listener for itself.
   *
   * @throws {RangeError} when an option is out of range.
   */
  constructor(options: TargetOptions) {
    this.#settings = targetSettings(options);
    this.#onConfigString = options.onConfigString;
    this.#configString = this.#settings.configString;
    this.#ata = new AtaUnit(this.#settings, this.#statistics);
    this.#reply = new Uint8Array(
      CONFIG_STRING_OFFSET + CONFIG_STRING_LENGTH_MAX,
    );
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

  /** Live counters. */
  get statistics(): Readonly<TargetStatistics> {
    return this.#statistics;
  }

  /** A copy of the config string. */
  get configString(): Uint8Array {
    return this.#configString.slice();
  }

  /**
   * Answers a request for this target. `frame` is borrowed until this returns;
   * the caller has checked its header. Never throws because of what is in it.
   */
  handle(port: Port, frame: Uint8Array, length: number): void {
    this.#statistics.frames++;
    if (frame[HeaderOffset.VersionFlags]! >>> 4 !== AOE_VERSION) {
      return this.#refuse(port, frame, AoeErrorCode.UnsupportedVersion);
    }
    switch (frame[HeaderOffset.Command]) {
      case AoeCommand.Ata:
        if (length >= ATA_DATA_OFFSET) {
          return this.#ata.handle(port, frame, length);
        }
        return this.#refuse(port, frame, AoeErrorCode.BadArgument);
      case AoeCommand.QueryConfig:
        return this.#queryConfig(port, frame, length);
      default:
        return this.#refuse(port, frame, AoeErrorCode.UnrecognizedCommand);
    }
  }

  /**
   * Broadcasts an unsolicited query config response (AoEr11 section 3.2), by
   * which initiators find the target at once instead of at their next query.
   */
  advertise(port: Port): void {
    encodeHeader(this.#reply, {
      destination: MAC_BROADCAST,
      source: port.link.mac,
      version: AOE_VERSION,
      flags: AoeFlag.Response,
      error: 0,
      shelf: this.shelf,
      slot: this.slot,
      command: AoeCommand.QueryConfig,
      tag: 0,
    });
    this.#sendConfig(port, ConfigCommand.Read);
  }

  /** Resolves once every reply that is due has been sent; held writes are forgotten. */
  stop(): Promise<void> {
    return this.#ata.stop();
  }

  #queryConfig(port: Port, frame: Uint8Array, length: number): void {
    const verdict = this.#judgeConfig(frame, length);
    if (verdict === "silence") return;
    if (verdict === "bad") {
      return this.#refuse(port, frame, AoeErrorCode.BadArgument);
    }
    this.#beginReply(port, frame);
    if (verdict === "present") {
      this.#statistics.aoeErrors++;
      markAoeError(this.#reply, AoeErrorCode.ConfigStringPresent);
    }
    this.#sendConfig(port, frame[ConfigOffset.VersionCommand]! & 0x0f);
  }

  #judgeConfig(frame: Uint8Array, length: number): ConfigVerdict {
    const argumentLength = configStringLength(frame, length);
    if (argumentLength < 0) return "bad";
    const current = this.#configString;
    const isPrefix = argumentLength <= current.length &&
      equalBytes(frame, CONFIG_STRING_OFFSET, current, 0, argumentLength);
    const isEqual = isPrefix && argumentLength === current.length;
    switch (frame[ConfigOffset.VersionCommand]! & 0x0f) {
      case ConfigCommand.Read:
        return "answer";
      case ConfigCommand.TestEqual:
        return isEqual ? "answer" : "silence";
      case ConfigCommand.TestPrefix:
        return isPrefix ? "answer" : "silence";
      case ConfigCommand.Set:
        // The same string again is a repeated request whose answer was lost.
        if (!isEqual && current.length > 0) return "present";
        break;
      case ConfigCommand.ForceSet:
        break;
      default:
        return "bad";
    }
    if (!isEqual) {
      this.#setConfigString(frame.slice(
        CONFIG_STRING_OFFSET,
        CONFIG_STRING_OFFSET + argumentLength,
      ));
    }
    return "answer";
  }

  #setConfigString(configString: Uint8Array): void {
    this.#configString = configString;
    this.#onConfigString?.(configString.slice());
  }

  #sendConfig(port: Port, command: number): void {
    const length = encodeConfigArgument(this.#reply, {
      bufferCount: this.#settings.bufferCount,
      firmwareVersion: this.#settings.firmwareVersion,
      sectorCount: this.#ata.sectorCountMax(port),
      version: AOE_VERSION,
      command,
      configString: this.#configString,
    });
    port.send(this.#reply, length);
  }

  #refuse(port: Port, frame: Uint8Array, code: number): void {
    this.#beginReply(port, frame);
    markAoeError(this.#reply, code);
    this.#statistics.aoeErrors++;
    port.send(this.#reply, HEADER_LENGTH);
  }

  #beginReply(port: Port, frame: Uint8Array): void {
    beginReply(
      frame,
      this.#reply,
      HEADER_LENGTH,
      port.link.mac,
      this.#settings,
    );
  }
}
