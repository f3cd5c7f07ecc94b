/**
 * A target on the network, as a client sees it.
 *
 * @module
 */

import {
  ATA_DATA_OFFSET,
  AtaCommand,
  AtaFlag,
  ataFrameLength,
  encodeAtaArgument,
} from "../ata.ts";
import { SECTOR_SIZE, type SectorRange } from "../block_device.ts";
import {
  AOE_VERSION,
  AoeCommand,
  encodeHeader,
  HEADER_LENGTH,
} from "../header.ts";
import { decodeIdentify, type IdentifyDescription } from "../identify.ts";
import { sectorCountForMtu } from "../port.ts";
import {
  CONFIG_SECTOR_COUNT_DEFAULT,
  type ConfigArgument,
  ConfigCommand,
  decodeConfigArgument,
  encodeConfigArgument,
} from "../query_config.ts";
import type { TargetAddress } from "../reply.ts";
import type { Exchange } from "./exchange.ts";
import type { RequestQueue } from "./request_queue.ts";
import { SectorTransfer } from "./sector_transfer.ts";
import { SingleRequest, throwAtaError } from "./single_request.ts";
import { WriteOrder } from "./write_order.ts";

/** A target that answered a query. */
export interface DiscoveredTarget extends TargetAddress {
  /** Address it answered from, 6 bytes. */
  readonly mac: Uint8Array;
  /** What it said of itself. */
  readonly config: ConfigArgument;
}

/**
 * A target one can read and write. Every method rejects with `AtaError`,
 * `AoeError`, `TimeoutError` or `LinkClosedError`.
 */
export class RemoteTarget {
  /** What the target said of itself when it was found. */
  readonly found: DiscoveredTarget;
  /** Most sectors of a frame: what the target and the link both allow. */
  readonly frameSectorsMax: number;
  readonly #exchange: Exchange;
  readonly #queue: RequestQueue;
  readonly #order: WriteOrder = new WriteOrder();
  readonly #requestAt: (place: number) => Uint8Array;

  /** Made by `Initiator.attach`. */
  constructor(
    exchange: Exchange,
    queue: RequestQueue,
    found: DiscoveredTarget,
  ) {
    this.#exchange = exchange;
    this.#queue = queue;
    this.found = found;
    this.frameSectorsMax = Math.min(
      found.config.sectorCount || CONFIG_SECTOR_COUNT_DEFAULT,
      sectorCountForMtu(exchange.link.mtu),
    );
    this.#requestAt = (place) => exchange.frame(place);
  }

  /** The address as people write it: "1.0". */
  get name(): string {
    return `${this.found.shelf}.${this.found.slot}`;
  }

  /**
   * Reads sectors. While a write to one of them is unanswered, the sector may
   * be old or new.
   */
  async read(range: SectorRange): Promise<Uint8Array> {
    const bytes = new Uint8Array(range.sectorCount * SECTOR_SIZE);
    await this.#transfer("read", range, bytes);
    return bytes;
  }

  /**
   * Writes whole sectors from `lba` on; durable when the promise resolves.
   * `bytes` is borrowed until then. A write waits for earlier ones to the same
   * sectors. After a `TimeoutError` each sector may hold the old content or
   * the new one.
   */
  write(lba: number, bytes: Uint8Array): Promise<void> {
    const range = { lba, sectorCount: bytes.length / SECTOR_SIZE };
    return this.#order.run(range, () => this.#transfer("write", range, bytes));
  }

  /** Resolves when every write answered before is on stable storage. */
  flush(): Promise<void> {
    const action = `flush ${this.name}`;
    return this.#ata(
      action,
      AtaCommand.FlushCacheExt,
      0,
      (reply, length) => throwAtaError(reply, length, ATA_DATA_OFFSET, action),
    );
  }

  /** Asks for size and names. */
  identify(): Promise<IdentifyDescription> {
    const action = `identify ${this.name}`;
    return this.#ata(action, AtaCommand.Identify, 1, (reply, length) => {
      throwAtaError(reply, length, ataFrameLength(1), action);
      return decodeIdentify(reply, ATA_DATA_OFFSET);
    });
  }

  /**
   * Reads, tests or sets the config string; the answer holds what it is now. A
   * test that fails is answered by silence, hence ends in a `TimeoutError`.
   */
  queryConfig(
    command: number = ConfigCommand.Read,
    configString: Uint8Array = new Uint8Array(0),
  ): Promise<ConfigArgument> {
    const argument: ConfigArgument = {
      bufferCount: 0,
      firmwareVersion: 0,
      sectorCount: 0,
      version: 0,
      command,
      configString,
    };
    const request = new SingleRequest({
      action: `query config of ${this.name}`,
      fill: (frame) => {
        this.#encodeHeader(frame, AoeCommand.QueryConfig);
        return encodeConfigArgument(frame, argument);
      },
      parse: decodeConfigArgument,
    });
    this.#queue.push(request);
    return request.answer;
  }

  /**
   * Writes header and argument of an ATA request without address and count, 36
   * bytes, to the start of `frame`: for those who drive an `Exchange` directly.
   */
  encodeAtaRequest(frame: Uint8Array, command: number): void {
    this.#encodeHeader(frame, AoeCommand.Ata);
    encodeAtaArgument(frame, {
      flags: AtaFlag.Extended,
      errorFeature: 0,
      sectorCount: 0,
      commandStatus: command,
      lba: 0,
    });
  }

  #transfer(
    direction: "read" | "write",
    range: SectorRange,
    bytes: Uint8Array,
  ): Promise<void> {
    if (!Number.isSafeInteger(range.sectorCount) || range.sectorCount < 1) {
      return Promise.reject(
        new RangeError(
          `Cannot ${direction} ${range.sectorCount} sectors: use a whole number above 0`,
        ),
      );
    }
    const template = new Uint8Array(ATA_DATA_OFFSET);
    this.encodeAtaRequest(template, AtaCommand.ReadExt);
    const transfer = new SectorTransfer({
      direction,
      range,
      bytes,
      template,
      frameSectorsMax: this.frameSectorsMax,
      requestAt: this.#requestAt,
      targetName: this.name,
    });
    this.#queue.push(transfer);
    return transfer.done;
  }

  #ata<Answer>(
    action: string,
    command: number,
    sectorCount: number,
    parse: (reply: Uint8Array, length: number) => Answer,
  ): Promise<Answer> {
    const request = new SingleRequest({
      action,
      fill: (frame) => {
        this.#encodeHeader(frame, AoeCommand.Ata);
        encodeAtaArgument(frame, {
          flags: 0,
          errorFeature: 0,
          sectorCount,
          commandStatus: command,
          lba: 0,
        });
        return ATA_DATA_OFFSET;
      },
      parse,
    });
    this.#queue.push(request);
    return request.answer;
  }

  #encodeHeader(frame: Uint8Array, command: number): void {
    encodeHeader(frame.subarray(0, HEADER_LENGTH), {
      destination: this.found.mac,
      source: this.#exchange.link.mac,
      version: AOE_VERSION,
      flags: 0,
      error: 0,
      shelf: this.found.shelf,
      slot: this.found.slot,
      command,
      tag: 0,
    });
  }
}
