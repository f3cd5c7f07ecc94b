/**
 * FLUSH CACHE of a device that takes long over it, because it waits for more
 * than its own disk.
 *
 * Initiators repeat what is not answered soon. A repetition is the same request
 * (same host, same tag): it begins no second flush and gets no second answer,
 * but says by which port the host can be reached now. A flush that fails is
 * never answered: its writes are as safe as they were when acknowledged, and
 * the initiator goes on asking.
 *
 * @module
 */

import type { AtaResponder } from "./ata_responder.ts";
import { readUint32 } from "./bytes.ts";
import { HeaderOffset, MAC_LENGTH } from "./header.ts";
import { FRAME_LENGTH_MIN } from "./link/link.ts";
import type { Port } from "./port.ts";

/** Requests that may wait; others are dropped, and come again. */
const WAITING_MAX = 256;

interface Waiting {
  port: Port;
  /** The reply, for that port. */
  readonly reply: Uint8Array;
}

/** Flushes that wait for their device. */
export class SlowFlushes {
  readonly #responder: AtaResponder;
  readonly #flush: () => Promise<void>;
  readonly #waiting: Map<string, Waiting> = new Map();

  /** `flush` resolves when all writes of before are where they shall be. */
  constructor(responder: AtaResponder, flush: () => Promise<void>) {
    this.#responder = responder;
    this.#flush = flush;
  }

  /** Answers a request when the device has flushed; false when it was dropped. */
  take(port: Port, frame: Uint8Array): boolean {
    const key = keyOf(frame);
    const known = this.#waiting.get(key);
    if (known !== undefined) {
      this.#responder.begin(port, frame, known.reply);
      known.port = port;
      return true;
    }
    if (this.#waiting.size >= WAITING_MAX) return false;
    const waiting = { port, reply: new Uint8Array(FRAME_LENGTH_MIN) };
    this.#responder.begin(port, frame, waiting.reply);
    this.#waiting.set(key, waiting);
    this.#flush().then(
      () => this.#answer(key, waiting),
      () => this.#waiting.delete(key),
    );
    return true;
  }

  /** Answers nothing any more. */
  stop(): void {
    this.#waiting.clear();
  }

  #answer(key: string, waiting: Waiting): void {
    if (this.#waiting.get(key) !== waiting) return;
    this.#waiting.delete(key);
    const { port, reply } = waiting;
    port.send(reply, FRAME_LENGTH_MIN);
    port.flush();
  }
}

function keyOf(frame: Uint8Array): string {
  const from = HeaderOffset.Source;
  const host = frame.subarray(from, from + MAC_LENGTH).join(":");
  return `${host} ${readUint32(frame, HeaderOffset.Tag)}`;
}
