/**
 * A request of one frame and its answer.
 *
 * @module
 */

import { ATA_STATUS_FAILURE_MASK, decodeAtaArgument } from "../ata.ts";
import { AoeFlag, FrameFormatError, HeaderOffset } from "../header.ts";
import { AoeError, AtaError } from "./errors.ts";
import type { Work } from "./request_queue.ts";

/** What to send, and what to make of the answer. */
export interface SingleRequestOptions<Answer> {
  /** What is tried, on what, for messages. */
  readonly action: string;
  /** Fills a frame and returns its length. */
  readonly fill: (frame: Uint8Array) => number;
  /** Makes a value of the borrowed answer; may throw. */
  readonly parse: (reply: Uint8Array, length: number) => Answer;
}

/** A request of one frame. */
export class SingleRequest<Answer> implements Work {
  /** Settles with the answer, or with why there is none. */
  readonly answer: Promise<Answer>;
  readonly #options: SingleRequestOptions<Answer>;
  readonly #settlers: PromiseWithResolvers<Answer>;
  #issued = false;

  /** A request that has not been issued. */
  constructor(options: SingleRequestOptions<Answer>) {
    this.#options = options;
    this.#settlers = Promise.withResolvers();
    this.answer = this.#settlers.promise;
  }

  /** True once the frame has been issued. */
  get exhausted(): boolean {
    return this.#issued;
  }

  /** Fills the one frame. */
  issue(frame: Uint8Array): number {
    this.#issued = true;
    return this.#options.fill(frame);
  }

  /** Settles the answer. */
  onReply(_place: number, reply: Uint8Array, length: number): void {
    try {
      throwAoeError(reply, this.#options.action);
      this.#settlers.resolve(this.#options.parse(reply, length));
    } catch (error) {
      this.#settlers.reject(error);
    }
  }

  /** Rejects the answer. */
  onFailure(_place: number, error: Error): void {
    this.#settlers.reject(error);
  }

  /** What is tried. */
  describe(): string {
    return this.#options.action;
  }
}

/** @throws {AoeError} when the response reports an AoE error. */
export function throwAoeError(reply: Uint8Array, action: string): void {
  if ((reply[HeaderOffset.VersionFlags]! & AoeFlag.Error) !== 0) {
    throw new AoeError(action, reply[HeaderOffset.Error]!);
  }
}

/**
 * Checks an ATA response without an AoE error.
 *
 * @throws {AtaError} when the status tells of a failure.
 * @throws {FrameFormatError} when it has fewer than `lengthMin` bytes.
 */
export function throwAtaError(
  reply: Uint8Array,
  length: number,
  lengthMin: number,
  action: string,
): void {
  const { commandStatus, errorFeature } = decodeAtaArgument(reply, length);
  if ((commandStatus & ATA_STATUS_FAILURE_MASK) !== 0) {
    throw new AtaError(action, commandStatus, errorFeature);
  }
  if (length < lengthMin) {
    throw new FrameFormatError(
      `Cannot ${action}: answer has ${length} bytes, needs ${lengthMin}`,
    );
  }
}
