/**
 * The far end of a link, handled by the test itself.
 *
 * @module
 */

import type { Link } from "../../aoe/mod.ts";

export class RawPeer {
  readonly link: Link;

  constructor(link: Link) {
    this.link = link;
  }

  /** Sends frames together and takes what comes back in the next turns. */
  async ask(...frames: Uint8Array[]): Promise<Uint8Array[]> {
    for (const frame of frames) this.link.send(frame, frame.length);
    this.link.flush();
    await turns();
    return this.take();
  }

  /** Takes what has arrived. */
  take(): Uint8Array[] {
    const frames: Uint8Array[] = [];
    this.link.drain((frame, length) => {
      frames.push(frame.slice(0, length));
    }, Infinity);
    return frames;
  }
}

/** Lets the event loop turn often enough for a request and its reply. */
export async function turns(count: number = 12): Promise<void> {
  for (let i = 0; i < count; i++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
