/**
 * Frames as a broken or hostile host may send them: random bytes, valid ones
 * with bytes changed or cut off, and answers sent back as requests.
 *
 * @module
 */

import {
  ataRequest,
  CLIENT_MAC,
  configRequest,
  EVERYBODY,
  flushRequest,
  hostMac,
  maskRequest,
  readRequest,
  request,
  reserveRequest,
  text,
  trimRequest,
  writeRequest,
} from "./frames.ts";

const SMART = { commandStatus: 0xb0, lba: 0xc24f00, sectorCount: 1 };

/** Requests of every kind, most of them to 1.0. */
const CORPUS: readonly Uint8Array[] = [
  readRequest(0, 1),
  readRequest(1000, 16),
  readRequest(8, 2, { slot: 1 }),
  readRequest(0, 1, EVERYBODY),
  writeRequest(512, 2, 0xff),
  writeRequest(0, 16, 0x5a),
  writeRequest(8, 1, 3, { slot: 1 }),
  readRequest(8, 2, { shelf: 2 }),
  writeRequest(8, 2, 7, { shelf: 2 }),
  flushRequest({ shelf: 2 }),
  writeRequest(0, 16, 0xee, { shelf: 3, slot: 7 }),
  flushRequest(),
  trimRequest([{ lba: 8, sectorCount: 8 }, { lba: 512, sectorCount: 64 }]),
  ataRequest({ sectorCount: 1, commandStatus: 0xec, lba: 0xa0000000 }),
  ataRequest({ sectorCount: 2, commandStatus: 0x20, lba: 0xe0000001 }),
  ataRequest({ sectorCount: 40, commandStatus: 0x42, lba: 16 }),
  ataRequest({ commandStatus: 0xe5 }),
  ataRequest({ commandStatus: 0xef, errorFeature: 0x82 }),
  ataRequest({ ...SMART, errorFeature: 0xd0 }),
  ataRequest({ ...SMART, errorFeature: 0xda }),
  configRequest(0, text(""), EVERYBODY),
  configRequest(1, text("some string")),
  configRequest(2, text("some")),
  configRequest(3, text("some string")),
  configRequest(4, text("x".repeat(1024))),
  maskRequest(),
  reserveRequest(0),
  reserveRequest(2, []),
  request(0xf7, 36, EVERYBODY),
  request(4, 36),
];

/** Requests after which a target may listen to nobody: rare, to go on. */
const LOCKING: readonly Uint8Array[] = [
  maskRequest([{ command: 1, mac: CLIENT_MAC }, {
    command: 2,
    mac: hostMac(1),
  }]),
  maskRequest(
    Array.from({ length: 90 }, (_, i) => ({ command: 1, mac: hostMac(i) })),
  ),
  reserveRequest(1, [CLIENT_MAC]),
  reserveRequest(2, [hostMac(1), CLIENT_MAC]),
];

/** Lengths at which something in a frame begins or ends, and next to them. */
const EDGES: readonly number[] = [
  0,
  13,
  14,
  23,
  24,
  25,
  26,
  28,
  31,
  32,
  36,
  59,
];

const RECENT_REPLIES = 64;

/** Makes hostile frames, one after the other, in one buffer. */
export class HostileFrames {
  /** The frame made last. */
  readonly bytes: Uint8Array = new Uint8Array(9014);
  readonly #replies: Uint8Array[] = [];
  #state: number;

  /** The same `seed` makes the same frames, as long as the replies are the same. */
  constructor(seed: number) {
    this.#state = (seed * 2654435761 >>> 0) || 1;
  }

  /** A whole number below `limit` (a 32-bit xorshift). */
  below(limit: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>>= 0;
    return state % limit;
  }

  /** Keeps a copy of an answer, to be sent back. */
  learn(reply: Uint8Array, length: number): void {
    const copy = reply.slice(0, length);
    if (this.#replies.length < RECENT_REPLIES) this.#replies.push(copy);
    else this.#replies[this.below(RECENT_REPLIES)] = copy;
  }

  /** Makes the next frame and returns its length. */
  next(): number {
    const kind = this.below(20);
    if (kind === 0) return this.#noise();
    const isReply = kind < 3 && this.#replies.length > 0;
    const list = isReply
      ? this.#replies
      : this.below(200) === 0
      ? LOCKING
      : CORPUS;
    const frame = list[this.below(list.length)]!;
    this.bytes.set(frame);
    if (isReply) this.#sendBack();
    if (this.below(2) === 0) this.#change(frame.length);
    if (this.below(64) === 0) this.#forgeSource();
    return this.below(4) === 0 ? this.#cut(frame.length) : frame.length;
  }

  #noise(): number {
    const length = this.below(200);
    for (let i = 0; i < length; i++) this.bytes[i] = this.below(256);
    return length;
  }

  /** To where the answer came from, mostly no longer marked as an answer. */
  #sendBack(): void {
    const { bytes } = this;
    bytes.copyWithin(0, 6, 12);
    bytes.set(CLIENT_MAC, 6);
    if (this.below(4) > 0) bytes[14] = 0x10;
  }

  #change(length: number): void {
    for (let changes = this.below(4); changes >= 0; changes--) {
      // Mostly behind the Ethernet addresses: elsewhere the frame is just ignored.
      const from = this.below(20) === 0 ? 0 : 14;
      const at = from + this.below(Math.min(40, length - from));
      const near = this.below(2) === 0;
      this.bytes[at] = near
        ? this.bytes[at]! ^ 1 << this.below(8)
        : this.below(256);
    }
  }

  #forgeSource(): void {
    for (let i = 6; i < 12; i++) this.bytes[i] = this.below(256);
  }

  #cut(length: number): number {
    const to = this.below(2) === 0
      ? EDGES[this.below(EDGES.length)]!
      : this.below(length + 1);
    return Math.min(to, length);
  }
}
