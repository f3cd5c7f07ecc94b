/**
 * The server: routes each request that its links bring to the targets it is
 * addressed to.
 *
 * Invariants:
 * - a request is answered on the link it came through;
 * - a frame that is not a request for us is ignored without an answer;
 * - every target is advertised on every link when either of them is new.
 *
 * @module
 */

import { equalBytes, readUint16 } from "./bytes.ts";
import { type Clock, systemClock } from "./clock.ts";
import { ConflictWatch } from "./conflict_watch.ts";
import { DropWatch } from "./drop_watch.ts";
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
import type { Link } from "./link/link.ts";
import { Port } from "./port.ts";
import { PortLoop, type PortLoopOptions } from "./port_loop.ts";
import type { AoeServerEvent } from "./server_event.ts";
import type { Target } from "./target.ts";

/** Options of a server. */
export interface AoeServerOptions {
  /** Frames carried out in one go, 64 by default. */
  readonly burstFramesMax?: number;
  /** Go on without any link, for one that is added later. False by default. */
  readonly serveWithoutLinks?: boolean;
  /** Told what an operator should know of; must not throw. */
  readonly onEvent?: (event: AoeServerEvent) => void;
  /** Time, for how often the same is told; the machine's by default. */
  readonly clock?: Clock;
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
  readonly #onEvent: (event: AoeServerEvent) => void;
  readonly #clock: Clock;
  readonly #serveWithoutLinks: boolean;
  readonly #loopOptions: Omit<PortLoopOptions, "onWake">;
  readonly #conflicts: ConflictWatch;
  readonly #targets: Target[] = [];
  readonly #targetOfAddress: Map<number, Target> = new Map();
  readonly #ports: Port[] = [];
  /** What each interface has ever promised, by name; see `Port`. */
  readonly #promised: Map<string, number> = new Map();
  readonly #statistics: AoeServerStatistics = {
    requests: 0,
    ignoredFrames: 0,
    unroutedRequests: 0,
  };
  readonly #finished: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #abandoned: PromiseWithResolvers<void> = Promise.withResolvers();
  #running = false;
  #closing = false;
  #loopCount = 0;

  /** A server without links and targets. */
  constructor(options: AoeServerOptions = {}) {
    this.#onEvent = options.onEvent ?? (() => {});
    this.#clock = options.clock ?? systemClock;
    this.#serveWithoutLinks = options.serveWithoutLinks ?? false;
    this.#conflicts = new ConflictWatch(this.#clock, this.#onEvent);
    this.#loopOptions = {
      burstFramesMax: options.burstFramesMax ?? 64,
      admit: (port, frame, length) => this.#admit(port, frame, length),
      carryOut: (port, frame, length) => this.#carryOut(port, frame, length),
    };
  }

  /** Live counters. */
  get statistics(): Readonly<AoeServerStatistics> {
    return this.#statistics;
  }

  /** The targets, in the order they were added. */
  get targets(): readonly Target[] {
    return this.#targets;
  }

  /** The links, in the order they were added. */
  get links(): readonly Link[] {
    return this.#ports.map((port) => port.link);
  }

  /**
   * Serves one more target, and advertises it if the server runs.
   *
   * @throws {RangeError} when the address is taken.
   */
  addTarget(target: Target): void {
    const key = addressKey(target.shelf, target.slot);
    if (this.#targetOfAddress.has(key)) {
      throw new RangeError(
        `Cannot add target ${target.shelf}.${target.slot}: the address is taken, choose another`,
      );
    }
    this.#targetOfAddress.set(key, target);
    this.#targets.push(target);
    if (this.#running) this.advertise(target);
  }

  /**
   * Takes no more requests for a target, and resolves when those taken have
   * been answered: its device may then be closed. Does nothing for a target
   * that is not served here.
   */
  async removeTarget(target: Target): Promise<void> {
    const at = this.#targets.indexOf(target);
    if (at < 0) return;
    const key = addressKey(target.shelf, target.slot);
    this.#targets.splice(at, 1);
    this.#targetOfAddress.delete(key);
    this.#conflicts.forget(key);
    await Promise.race([target.stop(), this.#abandoned.promise]);
  }

  /**
   * Serves on one more link, which belongs to the server from now on.
   *
   * @throws {RangeError} when its MTU is too small for one sector.
   */
  addLink(link: Link): void {
    const port = new Port(link, this.#promised.get(link.name));
    this.#promised.set(link.name, port.sectorCountPromised);
    this.#ports.push(port);
    if (this.#running) this.#start(port);
  }

  /**
   * Closes a link and serves on it no more; replies that are still due on it
   * are lost, as on a cable that was pulled. If it was the last one, `run` ends
   * unless the server was told to go on without links.
   */
  removeLink(link: Link): void {
    const at = this.#ports.findIndex((port) => port.link === link);
    if (at < 0) return;
    this.#ports.splice(at, 1);
    link.close();
  }

  /**
   * Advertises every target on every link and serves until `close`, or until
   * no link is left. Rejects when a link or a device breaks its contract.
   */
  run(): Promise<void> {
    if (this.#running || this.#closing) return this.#finished.promise;
    this.#running = true;
    for (const port of this.#ports) this.#start(port);
    this.#finishWithoutLinks();
    return this.#finished.promise;
  }

  /**
   * Advertises a target on every link, for example because its device has
   * grown; or every target.
   */
  advertise(target?: Target): void {
    const targets = target === undefined ? this.#targets : [target];
    for (const port of this.#ports) advertiseOn(port, targets);
  }

  /**
   * Takes no more requests, waits until those taken have been answered (writes
   * that a device had no room for are forgotten: they were never acknowledged,
   * and the initiator repeats them), then closes the links.
   */
  async close(): Promise<void> {
    this.#closing = true;
    const stopped = Promise.all(this.#targets.map((target) => target.stop()));
    await Promise.race([stopped, this.#abandoned.promise]);
    for (const port of this.#ports) port.link.close();
    this.#finishWithoutLinks();
    // A failure is for `run` to report.
    await this.#finished.promise.catch(() => {});
  }

  /**
   * Answers nothing any more, from this instant on: for a server whose disks
   * are another one's now. `close` and `removeTarget` do not wait for the
   * answers, either.
   */
  abandon(): void {
    for (const port of this.#ports) port.link.close();
    this.#abandoned.resolve();
  }

  #start(port: Port): void {
    advertiseOn(port, this.#targets);
    this.#loopCount++;
    const drops = new DropWatch(this.#clock, this.#onEvent);
    const loop = new PortLoop(port, {
      ...this.#loopOptions,
      onWake: () => drops.look(port.link, loop),
    });
    loop.run().then(() => {
      this.#loopCount--;
      this.#forget(port);
      this.#finishWithoutLinks();
    }, (error) => this.#finished.reject(error));
  }

  /** Tells of a link that closed although nobody here closed it. */
  #forget(port: Port): void {
    const at = this.#ports.indexOf(port);
    if (at < 0 || this.#closing) return;
    this.#ports.splice(at, 1);
    this.#onEvent({ kind: "link-lost", linkName: port.link.name });
  }

  #finishWithoutLinks(): void {
    if (this.#loopCount > 0) return;
    if (this.#closing || !this.#serveWithoutLinks) this.#finished.resolve();
  }

  /** Whether a frame is to be carried out; looks at responses of others too. */
  #admit(port: Port, frame: Uint8Array, length: number): boolean {
    if (
      !this.#closing && isRequestFor(port.link.mac, frame, length)
    ) {
      this.#statistics.requests++;
      return true;
    }
    this.#statistics.ignoredFrames++;
    if (isResponse(frame, length)) this.#watch(port, frame);
    return false;
  }

  /** Looks whether another host answers for an address of ours. */
  #watch(port: Port, frame: Uint8Array): void {
    const key = addressKey(
      readUint16(frame, HeaderOffset.Shelf),
      frame[HeaderOffset.Slot]!,
    );
    if (!this.#targetOfAddress.has(key)) return;
    // Two links to one segment hear each other.
    const isOurs = this.#ports.some(({ link }) =>
      equalBytes(frame, HeaderOffset.Source, link.mac, 0, MAC_LENGTH)
    );
    if (!isOurs) this.#conflicts.notice(key, frame, port.link.name);
  }

  #carryOut(port: Port, frame: Uint8Array, length: number): void {
    // A frame of the backlog was admitted a while ago.
    if (this.#closing) return;
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

/** Sends the adverts of `targets`. */
function advertiseOn(port: Port, targets: readonly Target[]): void {
  for (const target of targets) target.advertise(port);
  port.flush();
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
  if (!isAoe(frame, length)) return false;
  if ((frame[HeaderOffset.VersionFlags]! & AoeFlag.Response) !== 0) {
    return false;
  }
  if ((frame[HeaderOffset.Source]! & MAC_GROUP_BIT) !== 0) return false;
  const at = HeaderOffset.Destination;
  return equalBytes(frame, at, mac, 0, MAC_LENGTH) ||
    equalBytes(frame, at, MAC_BROADCAST, 0, MAC_LENGTH);
}

/** Whether a frame is a response, of whomever to whomever. */
function isResponse(frame: Uint8Array, length: number): boolean {
  return isAoe(frame, length) &&
    (frame[HeaderOffset.VersionFlags]! & AoeFlag.Response) !== 0;
}

function isAoe(frame: Uint8Array, length: number): boolean {
  return length >= HEADER_LENGTH &&
    readUint16(frame, HeaderOffset.EtherType) === AOE_ETHERTYPE;
}

function addressKey(shelf: number, slot: number): number {
  return shelf << 8 | slot;
}
