/**
 * The frame loop: drains several links, routes each request to the targets it
 * is addressed to, and sends their replies.
 *
 * Invariants:
 * - a request is answered on the link it came through;
 * - a frame that is not a request for us is ignored without an answer;
 * - nothing runs longer than a burst of frames without letting the other links
 *   and timers have their turn.
 *
 * @module
 */

import { equalBytes, readUint16 } from "./bytes.ts";
import {
  AOE_ETHERTYPE,
  AoeFlag,
  HEADER_LENGTH,
  HeaderOffset,
  MAC_BROADCAST,
  MAC_LENGTH,
  SHELF_BROADCAST,
  SLOT_BROADCAST,
} from "./header.ts";
import type { FrameHandler, Link } from "./link/link.ts";
import { Port } from "./port.ts";
import type { Target } from "./target.ts";
import { yieldToEventLoop } from "./yield.ts";

/** Options of a server. */
export interface AoeServerOptions {
  /** Frames drained in one go, 64 by default. */
  readonly burstFramesMax?: number;
}

/** Counters of a server since it was made. */
export interface AoeServerStatistics {
  /** Frames of the right ethertype for us, or for everybody. */
  requests: number;
  /** Frames that were not requests for us. */
  ignoredFrames: number;
  /** Requests for an address that no target here has. */
  unroutedRequests: number;
}

/** Lowest bit of the first byte of an address that stands for several hosts. */
const MAC_GROUP_BIT = 0x01;

/** Serves targets on links. */
export class AoeServer {
  readonly #burstFramesMax: number;
  readonly #targets: Target[] = [];
  readonly #targetOfAddress: Map<number, Target> = new Map();
  readonly #ports: Port[] = [];
  readonly #statistics: AoeServerStatistics = {
    requests: 0,
    ignoredFrames: 0,
    unroutedRequests: 0,
  };
  readonly #finished: PromiseWithResolvers<void> = Promise.withResolvers();
  #running = false;
  #closing = false;
  #loopCount = 0;

  /** A server without links and targets. */
  constructor(options: AoeServerOptions = {}) {
    this.#burstFramesMax = options.burstFramesMax ?? 64;
  }

  /** Live counters. */
  get statistics(): Readonly<AoeServerStatistics> {
    return this.#statistics;
  }

  /** The targets, in the order they were added. */
  get targets(): readonly Target[] {
    return this.#targets;
  }

  /**
   * Serves one more target, and advertises it if the server runs.
   *
   * @throws {RangeError} when the address is taken.
   */
  addTarget(target: Target): void {
    const address = addressKey(target.shelf, target.slot);
    if (this.#targetOfAddress.has(address)) {
      throw new RangeError(
        `Cannot add target ${target.shelf}.${target.slot}: the address is taken, choose another`,
      );
    }
    this.#targetOfAddress.set(address, target);
    this.#targets.push(target);
    if (!this.#running) return;
    for (const port of this.#ports) {
      target.advertise(port);
      port.flush();
    }
  }

  /**
   * Serves on one more link, which belongs to the server from now on.
   *
   * @throws {RangeError} when its MTU is too small for one sector.
   */
  addLink(link: Link): void {
    const port = new Port(link);
    this.#ports.push(port);
    if (this.#running) this.#start(port);
  }

  /**
   * Advertises every target on every link and serves until `close`, or until
   * no link is left. Rejects when a link or a device breaks its contract.
   */
  run(): Promise<void> {
    if (this.#running || this.#closing) return this.#finished.promise;
    this.#running = true;
    for (const port of this.#ports) this.#start(port);
    if (this.#loopCount === 0) this.#finished.resolve();
    return this.#finished.promise;
  }

  /** Broadcasts the presence of every target on every link. */
  advertise(): void {
    for (const port of this.#ports) this.#advertiseOn(port);
  }

  /**
   * Takes no more requests, waits until those taken have been answered (writes
   * that a device had no room for are forgotten: they were never acknowledged,
   * and the initiator repeats them), then closes the links.
   */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#targets.map((target) => target.stop()));
    for (const port of this.#ports) port.link.close();
    if (this.#loopCount === 0) this.#finished.resolve();
    // A failure is for `run` to report.
    await this.#finished.promise.catch(() => {});
  }

  #start(port: Port): void {
    this.#advertiseOn(port);
    this.#loopCount++;
    this.#serve(port).then(() => {
      this.#loopCount--;
      if (this.#loopCount === 0) this.#finished.resolve();
    }, (error) => this.#finished.reject(error));
  }

  #advertiseOn(port: Port): void {
    for (const target of this.#targets) target.advertise(port);
    port.flush();
  }

  async #serve(port: Port): Promise<void> {
    const { link } = port;
    const handler: FrameHandler = (frame, length) =>
      this.#receive(port, frame, length);
    while (!link.closed) {
      await link.wait();
      while (
        link.drain(handler, this.#burstFramesMax) === this.#burstFramesMax
      ) {
        port.flush();
        await yieldToEventLoop();
      }
      port.flush();
    }
  }

  #receive(port: Port, frame: Uint8Array, length: number): void {
    if (this.#closing || !isRequestFor(port.link.mac, frame, length)) {
      this.#statistics.ignoredFrames++;
      return;
    }
    this.#statistics.requests++;
    const shelf = readUint16(frame, HeaderOffset.Shelf);
    const slot = frame[HeaderOffset.Slot]!;
    if (shelf !== SHELF_BROADCAST && slot !== SLOT_BROADCAST) {
      const target = this.#targetOfAddress.get(addressKey(shelf, slot));
      if (target === undefined) this.#statistics.unroutedRequests++;
      else target.handle(port, frame, length);
      return;
    }
    for (const target of this.#targets) {
      if (shelf !== SHELF_BROADCAST && shelf !== target.shelf) continue;
      if (slot !== SLOT_BROADCAST && slot !== target.slot) continue;
      target.handle(port, frame, length);
    }
  }
}

/**
 * Whether a frame is a request that this host may answer: complete, of the
 * right ethertype, not a response, to us or to all, and from one host, since a
 * reply to a group would be a broadcast on a stranger's behalf.
 */
function isRequestFor(
  mac: Uint8Array,
  frame: Uint8Array,
  length: number,
): boolean {
  if (length < HEADER_LENGTH) return false;
  if (readUint16(frame, HeaderOffset.EtherType) !== AOE_ETHERTYPE) return false;
  if ((frame[HeaderOffset.VersionFlags]! & AoeFlag.Response) !== 0) {
    return false;
  }
  if ((frame[HeaderOffset.Source]! & MAC_GROUP_BIT) !== 0) return false;
  const at = HeaderOffset.Destination;
  return equalBytes(frame, at, mac, 0, MAC_LENGTH) ||
    equalBytes(frame, at, MAC_BROADCAST, 0, MAC_LENGTH);
}

function addressKey(shelf: number, slot: number): number {
  return shelf << 8 | slot;
}
