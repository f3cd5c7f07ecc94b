/**
 * An AoE client over any link: finds targets, and reads and writes them.
 *
 * @module
 */

import {
  AOE_VERSION,
  AoeCommand,
  AoeFlag,
  decodeHeader,
  encodeHeader,
  HeaderOffset,
  MAC_BROADCAST,
  SHELF_BROADCAST,
  SLOT_BROADCAST,
} from "../header.ts";
import { FRAME_LENGTH_MIN, type Link } from "../link/link.ts";
import {
  type ConfigArgument,
  ConfigCommand,
  configStringLength,
  decodeConfigArgument,
  encodeConfigArgument,
} from "../query_config.ts";
import type { TargetAddress } from "../reply.ts";
import { Exchange, type ExchangeOptions, TAG_UNMATCHED } from "./exchange.ts";
import { type DiscoveredTarget, RemoteTarget } from "./remote_target.ts";
import { RequestQueue } from "./request_queue.ts";
import { SingleRequest } from "./single_request.ts";

/** What to look for. */
export interface DiscoverOptions {
  /** A shelf; every one by default. */
  readonly shelf?: number;
  /** A slot; every one by default. */
  readonly slot?: number;
  /** How long to collect answers, 200 by default. */
  readonly collectMs?: number;
}

const QUERY: ConfigArgument = {
  bufferCount: 0,
  firmwareVersion: 0,
  sectorCount: 0,
  version: 0,
  command: ConfigCommand.Read,
  configString: new Uint8Array(0),
};

/** A client of the targets on one link. */
export class Initiator {
  /** The requests outstanding; may be driven directly. */
  readonly exchange: Exchange;
  readonly #queue: RequestQueue;

  /** Starts to receive from `link`, which belongs to the initiator from now on. */
  constructor(link: Link, options: ExchangeOptions = {}) {
    this.exchange = new Exchange(link, options);
    this.#queue = new RequestQueue(this.exchange);
  }

  /**
   * Broadcasts a query and collects who answers or advertises itself meanwhile,
   * by address. Several hosts with one address are a target each; of several
   * answers of one host the last counts. One call at a time.
   */
  async discover(options: DiscoverOptions = {}): Promise<DiscoveredTarget[]> {
    const shelf = options.shelf ?? SHELF_BROADCAST;
    const slot = options.slot ?? SLOT_BROADCAST;
    const found: Map<string, DiscoveredTarget> = new Map();
    this.exchange.onUnmatched((frame, length) => {
      const target = decodeDiscovery(frame, length);
      if (target === undefined) return;
      if (shelf !== SHELF_BROADCAST && shelf !== target.shelf) return;
      if (slot !== SLOT_BROADCAST && slot !== target.slot) return;
      found.set(`${target.shelf}.${target.slot} ${target.mac}`, target);
    });
    const query = new Uint8Array(FRAME_LENGTH_MIN);
    this.#encodeQuery(query, { shelf, slot });
    this.exchange.link.send(query, query.length);
    this.exchange.flush();
    await new Promise<void>((resolve) =>
      void this.exchange.clock.after(options.collectMs ?? 200, resolve)
    );
    this.exchange.onUnmatched(() => {});
    return [...found.values()].sort((a, b) =>
      a.shelf - b.shelf || a.slot - b.slot
    );
  }

  /**
   * Finds a target by its address and narrows the window to what it can queue.
   *
   * @throws {TimeoutError} when nobody has that address.
   */
  async attach(address: TargetAddress): Promise<RemoteTarget> {
    const request = new SingleRequest({
      action: `find target ${address.shelf}.${address.slot}`,
      fill: (frame) => this.#encodeQuery(frame, address),
      parse: (reply, length): DiscoveredTarget => {
        const header = decodeHeader(reply, length);
        return {
          shelf: header.shelf,
          slot: header.slot,
          mac: header.source,
          config: decodeConfigArgument(reply, length),
        };
      },
    });
    this.#queue.push(request);
    const found = await request.answer;
    return this.use(found);
  }

  /**
   * Talks to a target that was found, on the host that answered, and narrows
   * the window to what it can queue.
   */
  use(found: DiscoveredTarget): RemoteTarget {
    this.exchange.limitWindow(found.config.bufferCount);
    return new RemoteTarget(this.exchange, this.#queue, found);
  }

  /** Fails what is outstanding and closes the link. */
  close(): void {
    this.exchange.close();
  }

  #encodeQuery(frame: Uint8Array, address: TargetAddress): number {
    encodeHeader(frame, {
      destination: MAC_BROADCAST,
      source: this.exchange.link.mac,
      version: AOE_VERSION,
      flags: 0,
      error: 0,
      shelf: address.shelf,
      slot: address.slot,
      command: AoeCommand.QueryConfig,
      tag: TAG_UNMATCHED,
    });
    return encodeConfigArgument(frame, QUERY);
  }
}

/** A query config response as a target, if the frame is one. */
function decodeDiscovery(
  frame: Uint8Array,
  length: number,
): DiscoveredTarget | undefined {
  if (frame[HeaderOffset.Command] !== AoeCommand.QueryConfig) return undefined;
  if (configStringLength(frame, length) < 0) return undefined;
  const header = decodeHeader(frame, length);
  if ((header.flags & AoeFlag.Error) !== 0) return undefined;
  return {
    shelf: header.shelf,
    slot: header.slot,
    mac: header.source,
    config: decodeConfigArgument(frame, length),
  };
}
