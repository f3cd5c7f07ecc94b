/**
 * A host with a disk of its own on a server that others attack: sends valid
 * requests and knows every byte of their answers.
 *
 * @module
 */

import { encodeIdentify, MemoryDevice, Target } from "../../aoe/mod.ts";
import {
  ataRequest,
  configRequest,
  flushRequest,
  hostMac,
  maskRequest,
  readRequest,
  reserveRequest,
  SERVER_MAC,
  text,
  writeRequest,
} from "./frames.ts";

const SECTOR_COUNT = 64;
const SHELF = 3;
const SLOT = 7;
const CONFIG_STRING = "witness";
const MAC: Uint8Array = hostMac(0xfeed);

/** The disk of the witness and what it must contain. */
export class FuzzWitness {
  /** To be served; nobody else may touch it. */
  readonly target: Target;
  readonly #fills: Uint8Array = new Uint8Array(SECTOR_COUNT);
  /** Answers that are due, by tag. */
  readonly #due: Map<number, Uint8Array> = new Map();
  readonly #below: (limit: number) => number;
  #tag = 0;

  constructor(below: (limit: number) => number) {
    this.#below = below;
    this.target = new Target({
      shelf: SHELF,
      slot: SLOT,
      device: new MemoryDevice({ sectorCount: SECTOR_COUNT }),
      allow: [MAC],
      configString: text(CONFIG_STRING),
    });
  }

  /** Answers that have not come. */
  get dueCount(): number {
    return this.#due.size;
  }

  /** The next request. */
  next(): Uint8Array {
    this.#tag = (this.#tag + 1) >>> 0;
    const options = { source: MAC, shelf: SHELF, slot: SLOT, tag: this.#tag };
    const lba = this.#below(SECTOR_COUNT - 16);
    const count = 1 + this.#below(16);
    const reply = (frame: Uint8Array, after: Uint8Array): Uint8Array => {
      this.#due.set(this.#tag, answerTo(frame, after));
      return frame;
    };
    switch (this.#below(8)) {
      case 0: {
        const config = configRequest(0, text(""), options);
        const string = text(CONFIG_STRING);
        return reply(
          config,
          Uint8Array.of(0, 64, 0, 1, 16, 0x10, 0, string.length, ...string),
        );
      }
      case 1:
        return reply(maskRequest([], options), new Uint8Array(4));
      case 2:
        return reply(reserveRequest(0, [], options), new Uint8Array(2));
      case 3: {
        const identify = ataRequest(
          { commandStatus: 0xec, sectorCount: 1 },
          options,
        );
        return reply(identify, registers(identify, this.#identity()));
      }
      case 4: {
        const flush = flushRequest(options);
        return reply(flush, registers(flush));
      }
      case 5: {
        const fill = this.#below(256);
        const write = writeRequest(lba, count, fill, options);
        this.#fills.fill(fill, lba, lba + count);
        return reply(write, registers(write));
      }
      default: {
        const bytes = new Uint8Array(count * 512);
        for (let i = 0; i < count; i++) {
          bytes.fill(this.#fills[lba + i]!, 512 * i, 512 * (i + 1));
        }
        const read = readRequest(lba, count, options);
        return reply(read, registers(read, bytes));
      }
    }
  }

  /** Whether a frame is an answer to the witness. */
  isMine(frame: Uint8Array): boolean {
    return MAC.every((byte, i) => frame[i] === byte);
  }

  /** Throws unless the frame is byte for byte an answer that is due. */
  check(frame: Uint8Array, length: number): void {
    const tag = new DataView(frame.buffer, frame.byteOffset).getUint32(20);
    const expected = this.#due.get(tag);
    if (expected === undefined) throw new Error(`answer ${tag} was not due`);
    this.#due.delete(tag);
    const isEqual = length === expected.length &&
      expected.every((byte, i) => frame[i] === byte);
    if (isEqual) return;
    throw new Error(
      `wrong answer ${
        frame.slice(0, length).toHex()
      } instead of ${expected.toHex()}`,
    );
  }

  #identity(): Uint8Array {
    const bytes = new Uint8Array(512);
    const { device, serial } = this.target;
    encodeIdentify(bytes, 0, {
      sectorCount: SECTOR_COUNT,
      identity: { ...device.identity, serial },
      trim: "zero",
    });
    return bytes;
  }
}

/** The answer to `frame` with this behind its header, padded to 60 bytes. */
function answerTo(frame: Uint8Array, after: Uint8Array): Uint8Array {
  const answer = new Uint8Array(Math.max(60, 24 + after.length));
  answer.set(MAC);
  answer.set(SERVER_MAC, 6);
  answer.set(frame.subarray(12, 24), 12);
  answer[14] = 0x18;
  answer.set(after, 24);
  return answer;
}

/** The registers after a success, and data. */
function registers(
  frame: Uint8Array,
  data: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  bytes.set(frame.subarray(24, 36));
  bytes.set([0, 0, 0x40], 1);
  bytes.set(data, 12);
  return bytes;
}
