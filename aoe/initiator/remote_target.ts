/**
 * A target on the network, as a client sees it.
 *
 * @module
 */

import {
  ATA_DATA_OFFSET,
  AtaCommand,
  AtaFeature,
  AtaFlag,
  encodeAtaArgument,
} from "../ata.ts";
import { SECTOR_SIZE, type SectorRange } from "../block_device.ts";
import {
  AOE_VERSION,
  AoeCommand,
  encodeHeader,
  HEADER_LENGTH,
} from "../header.ts";
import { ETHERNET_HEADER_LENGTH } from "../link/link.ts";
import { decodeIdentify, type IdentifyDescription } from "../identify.ts";
import {
  decodeMaskArgument,
  encodeMaskArgument,
  MaskCommand,
  type MaskDirective,
  MaskError,
} from "../mac_mask.ts";
import { sectorCountForMtu } from "../port.ts";
import {
  CONFIG_SECTOR_COUNT_DEFAULT,
  type ConfigArgument,
  ConfigCommand,
  decodeConfigArgument,
  encodeConfigArgument,
} from "../query_config.ts";
import type { TargetAddress } from "../reply.ts";
import {
  decodeReserveArgument,
  encodeReserveArgument,
  ReserveCommand,
} from "../reserve_release.ts";
import { encodeTrimRanges, TRIM_BLOCK_COUNT_MAX } from "../trim.ts";
import {
  type AtaReply,
  type AtaRequest,
  decodeAtaReply,
  encodeAtaRequest,
} from "./ata_command.ts";
import { MaskEditError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import type { RequestQueue } from "./request_queue.ts";
import { SectorTransfer } from "./sector_transfer.ts";
import { SingleRequest } from "./single_request.ts";
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
  async flush(): Promise<void> {
    await this.ata({ command: AtaCommand.FlushCacheExt }, "flush");
  }

  /** Asks for size and names. */
  async identify(): Promise<IdentifyDescription> {
    const { data } = await this.ata({
      command: AtaCommand.Identify,
      sectorCount: 1,
      replyDataLength: SECTOR_SIZE,
    }, "identify");
    return decodeIdentify(data);
  }

  /**
   * Says of up to 64 ranges of up to 65535 sectors that their content is needed
   * no more. What they read as then is for `identify` to tell. Unlike a write
   * it does not wait for earlier ones to the same sectors.
   */
  async trim(ranges: readonly SectorRange[]): Promise<void> {
    await this.ata({
      command: AtaCommand.DataSetManagement,
      feature: AtaFeature.Trim,
      sectorCount: TRIM_BLOCK_COUNT_MAX,
      flags: AtaFlag.Extended,
      data: encodeTrimRanges(ranges),
    }, "trim");
  }

  /** Sends any ATA command of one frame. `action` is the verb for messages. */
  ata(
    request: AtaRequest,
    action: string = `send ATA command 0x${request.command.toString(16)} to`,
  ): Promise<AtaReply> {
    const what = `${action} ${this.name}`;
    return this.#ask(
      AoeCommand.Ata,
      what,
      (frame) => encodeAtaRequest(frame, request),
      (reply, length) => decodeAtaReply(reply, length, request, what),
    );
  }

  /**
   * Reads the MAC mask, after carrying out `directives` if there are any.
   *
   * @throws {MaskEditError} when one of them failed; those before it are
   * carried out.
   */
  mask(directives: readonly MaskDirective[] = []): Promise<Uint8Array[]> {
    const action = `edit MAC mask of ${this.name}`;
    return this.#ask(
      AoeCommand.MacMask,
      action,
      (frame) =>
        encodeMaskArgument(frame, {
          command: directives.length > 0 ? MaskCommand.Edit : MaskCommand.Read,
          error: MaskError.None,
          directiveCount: directives.length,
          directives,
        }),
      (reply, length) => {
        const answer = decodeMaskArgument(reply, length);
        if (answer.error !== MaskError.None) {
          throw new MaskEditError(action, answer.error, answer.directiveCount);
        }
        return answer.directives.map(({ mac }) => mac);
      },
    );
  }

  /** Reads which hosts the target is reserved for; none means for everybody. */
  reservation(): Promise<Uint8Array[]> {
    return this.#reserve(ReserveCommand.Read, []);
  }

  /**
   * Reserves the target for these hosts, or releases it for none; the answer is
   * the list of now. Without `force` it is an `AoeError` with code 6 if the
   * target is reserved and this host is not among those it is reserved for.
   */
  reserve(
    macs: readonly Uint8Array[],
    options: { readonly force?: boolean } = {},
  ): Promise<Uint8Array[]> {
    return this.#reserve(
      options.force === true ? ReserveCommand.ForceSet : ReserveCommand.Set,
      macs,
    );
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
    return this.#ask(
      AoeCommand.QueryConfig,
      `query config of ${this.name}`,
      (frame) => encodeConfigArgument(frame, argument),
      decodeConfigArgument,
    );
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

  #reserve(
    command: number,
    macs: readonly Uint8Array[],
  ): Promise<Uint8Array[]> {
    return this.#ask(
      AoeCommand.ReserveRelease,
      `${
        command === ReserveCommand.Read ? "read reservation of" : "reserve"
      } ${this.name}`,
      (frame) => encodeReserveArgument(frame, { command, macs }),
      (reply, length) => [...decodeReserveArgument(reply, length).macs],
    );
  }

  /** Sends a request of one frame; `fill` writes what follows the header. */
  #ask<Answer>(
    command: number,
    action: string,
    fill: (frame: Uint8Array) => number,
    parse: (reply: Uint8Array, length: number) => Answer,
  ): Promise<Answer> {
    const bytes = new Uint8Array(
      this.#exchange.link.mtu + ETHERNET_HEADER_LENGTH,
    );
    let length = 0;
    try {
      this.#encodeHeader(bytes, command);
      length = fill(bytes);
    } catch (error) {
      // What does not fit must not stop the queue.
      return Promise.reject(error);
    }
    const request = new SingleRequest({
      action,
      fill: (frame) => {
        frame.set(bytes.subarray(0, length));
        return length;
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
