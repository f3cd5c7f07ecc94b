/**
 * A link without a network: keeps what is sent for a test to look at.
 *
 * @module
 */

import type { FrameHandler, Link, LinkStatistics } from "../../aoe/mod.ts";
import { SERVER_MAC } from "./frames.ts";

export class RecordingLink implements Link {
  readonly name = "recording";
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly statistics: LinkStatistics = {
    framesReceived: 0,
    framesSent: 0,
    framesDropped: 0,
    sendErrors: 0,
  };
  closed = false;
  /** What was sent and flushed. */
  readonly flushed: Uint8Array[] = [];
  /** What was sent and not flushed. */
  readonly queued: Uint8Array[] = [];

  constructor(mtu: number = 9000, mac: Uint8Array = SERVER_MAC) {
    this.mtu = mtu;
    this.mac = mac;
  }

  wait(): Promise<void> {
    return Promise.resolve();
  }

  drain(_handler: FrameHandler, _frameCountMax: number): number {
    return 0;
  }

  send(frame: Uint8Array, length: number): boolean {
    this.queued.push(frame.slice(0, length));
    return true;
  }

  flush(): void {
    this.flushed.push(...this.queued.splice(0));
  }

  close(): void {
    this.closed = true;
  }

  /** Takes everything that was sent, flushed or not. */
  take(): Uint8Array[] {
    return [...this.flushed.splice(0), ...this.queued.splice(0)];
  }
}
