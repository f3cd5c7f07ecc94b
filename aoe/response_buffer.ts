/**
 * The one buffer in which a target makes its responses outside of ATA.
 *
 * @module
 */

import { HEADER_LENGTH } from "./header.ts";
import { maskFrameLength } from "./mac_mask.ts";
import type { Port } from "./port.ts";
import { beginReply, markAoeError, type TargetAddress } from "./reply.ts";
import type { TargetStatistics } from "./target_options.ts";

/** The longest response: as many directives as can be counted, sent back. */
const RESPONSE_LENGTH_MAX: number = maskFrameLength(0xff);

/** Responses that wait at most: a change is kept within milliseconds. */
const HELD_RESPONSES_MAX = 64;

/** A buffer for one response at a time. */
export class ResponseBuffer {
  /** The response, to be filled behind its header. */
  readonly bytes: Uint8Array = new Uint8Array(RESPONSE_LENGTH_MAX);
  readonly #address: TargetAddress;
  readonly #statistics: TargetStatistics;
  /** Responses that wait until what they tell of is kept. */
  readonly #held: Set<Promise<void>> = new Set();

  /** A buffer for the responses of the target at `address`. */
  constructor(address: TargetAddress, statistics: TargetStatistics) {
    this.#address = address;
    this.#statistics = statistics;
  }

  /** Makes the first `length` bytes of a request a successful response. */
  begin(port: Port, frame: Uint8Array, length: number = HEADER_LENGTH): void {
    beginReply(frame, this.bytes, length, port.link.mac, this.#address);
  }

  /** Makes the response begun an AoE error. */
  markError(code: number): void {
    this.#statistics.aoeErrors++;
    markAoeError(this.bytes, code);
  }

  /** Answers with an AoE error and nothing but the header. */
  refuse(port: Port, frame: Uint8Array, code: number): void {
    this.begin(port, frame);
    this.markError(code);
    this.send(port, HEADER_LENGTH);
  }

  /** Sends the first `length` bytes. */
  send(port: Port, length: number): void {
    port.send(this.bytes, length);
  }

  /**
   * Sends the first `length` bytes when `kept` resolves, at once if it is
   * undefined. If it rejects nothing is sent: the initiator asks again.
   */
  sendWhen(
    kept: Promise<void> | undefined,
    port: Port,
    length: number,
  ): void {
    if (kept === undefined) return this.send(port, length);
    if (this.#held.size === HELD_RESPONSES_MAX) {
      this.#statistics.droppedRequests++;
      return;
    }
    const response = this.bytes.slice(0, length);
    const sent = kept.then(() => {
      port.send(response, length);
      port.flush();
    }, () => {}).then(() => void this.#held.delete(sent));
    this.#held.add(sent);
  }

  /** Resolves when no response waits. */
  async settle(): Promise<void> {
    await Promise.all(this.#held);
  }
}
