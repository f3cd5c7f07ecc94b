/**
 * Two links joined in one process: what one sends the other receives, in order
 * and without loss as long as the receiver keeps up.
 *
 * @module
 */

import { FrameQueue } from "./frame_queue.ts";
import {
  ETHERNET_HEADER_LENGTH,
  type FrameHandler,
  type Link,
  type LinkStatistics,
} from "./link.ts";

/** Options of a pair of links. */
export interface LinkPairOptions {
  /** Bytes of payload of a frame, 1500 by default. */
  readonly mtu?: number;
  /** Frames that may wait at each end; more are dropped. 1024 by default. */
  readonly queueFramesMax?: number;
  /** Names of the ends, for messages. */
  readonly names?: readonly [string, string];
  /** Addresses of the ends, 02:00:00:00:00:01 and :02 by default. */
  readonly macs?: readonly [Uint8Array, Uint8Array];
  /**
   * How a waiting end is woken. By default in a turn of the event loop of its
   * own, as a real interface would, so that timers get theirs; a simulation
   * passes its scheduler.
   */
  readonly schedule?: (wake: () => void) => void;
}

/** Makes two links, each being the other's network. */
export function linkPair(options: LinkPairOptions = {}): [Link, Link] {
  const [firstName, secondName] = options.names ?? ["pair0", "pair1"];
  const [firstMac, secondMac] = options.macs ??
    [localMac(1), localMac(2)];
  const first = new PairLink(firstName, firstMac, options);
  const second = new PairLink(secondName, secondMac, options);
  first.connect(second);
  second.connect(first);
  return [first, second];
}

/** One end of a pair. */
class PairLink implements Link {
  readonly name: string;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly statistics: LinkStatistics = {
    framesReceived: 0,
    framesSent: 0,
    framesDropped: 0,
    sendErrors: 0,
  };
  readonly #queue: FrameQueue;
  readonly #schedule: (wake: () => void) => void;
  #peer: PairLink | undefined;
  /** Frames of the queue that the peer has flushed. */
  #flushedCount = 0;
  #wakers: (() => void)[] = [];
  #closed = false;

  constructor(name: string, mac: Uint8Array, options: LinkPairOptions) {
    this.name = name;
    this.mac = mac;
    this.mtu = options.mtu ?? 1500;
    this.#queue = new FrameQueue(
      options.queueFramesMax ?? 1024,
      this.mtu + ETHERNET_HEADER_LENGTH,
    );
    this.#schedule = options.schedule ?? ((wake) => void setImmediate(wake));
  }

  get closed(): boolean {
    return this.#closed;
  }

  connect(peer: PairLink): void {
    this.#peer = peer;
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed || this.#flushedCount > 0) this.#schedule(resolve);
      else this.#wakers.push(resolve);
    });
  }

  drain(handler: FrameHandler, frameCountMax: number): number {
    let count = 0;
    while (count < frameCountMax && this.#flushedCount > 0 && !this.#closed) {
      this.#queue.shift(handler);
      this.#flushedCount = Math.max(0, this.#flushedCount - 1);
      count++;
    }
    this.statistics.framesReceived += count;
    return count;
  }

  send(frame: Uint8Array, length: number): boolean {
    const peer = this.#peer;
    if (
      this.#closed || peer === undefined ||
      length > this.mtu + ETHERNET_HEADER_LENGTH
    ) {
      this.statistics.sendErrors++;
      return false;
    }
    this.statistics.framesSent++;
    // Lost at the far end, as on a wire: the sender does not learn of it.
    if (!peer.#closed && !peer.#queue.push(frame, length)) {
      peer.statistics.framesDropped++;
    }
    return true;
  }

  flush(): void {
    const peer = this.#peer;
    if (peer === undefined || peer.#closed) return;
    peer.#flushedCount = peer.#queue.size;
    if (peer.#flushedCount > 0) peer.#wake();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.clear();
    this.#flushedCount = 0;
    this.#wake();
  }

  #wake(): void {
    const wakers = this.#wakers;
    if (wakers.length === 0) return;
    this.#wakers = [];
    for (const wake of wakers) this.#schedule(wake);
  }
}

/** A locally administered unicast address. */
function localMac(last: number): Uint8Array {
  return Uint8Array.of(0x02, 0, 0, 0, 0, last);
}
