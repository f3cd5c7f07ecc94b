/**
 * A wire that loses, repeats and reorders frames: carries them between two
 * interfaces in user space, since not every kernel has a queue that does.
 */

import { FaultyLink, type FaultyLinkOptions } from "../../aoe/link/faulty.ts";
import type { Link } from "../../aoe/link/link.ts";

/** Frames carried before the other direction has its turn. */
const BURST_FRAMES = 64;

/** A wire between two links, which it closes when it is disposed. */
export class BadWire implements AsyncDisposable {
  /** One end; its counters tell what happened to frames. */
  readonly faulty: FaultyLink;
  readonly #other: Link;
  readonly #carrying: Promise<unknown>;

  /** Carries from now on. The frames keep their senders' addresses. */
  constructor(one: Link, other: Link, options: FaultyLinkOptions) {
    this.faulty = new FaultyLink(one, options);
    this.#other = other;
    this.#carrying = Promise.all([
      carry(this.faulty, other),
      carry(other, this.faulty),
    ]);
  }

  /** Pulls the wire. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.faulty.close();
    this.#other.close();
    await this.#carrying;
  }
}

async function carry(from: Link, to: Link): Promise<void> {
  while (!from.closed) {
    await from.wait();
    from.drain((frame, length) => void to.send(frame, length), BURST_FRAMES);
    to.flush();
  }
}
