/**
 * The blocks of one request, which may be asked for in several places: each is
 * delivered once, and none after the request is answered.
 *
 * @module
 */

import {
  type BlockDamage,
  type BlockReceiver,
  SCORE_LENGTH,
} from "../block_store.ts";
import { gatherScores } from "../bytes.ts";

/** What of a request is still to be delivered. */
export class Delivery {
  readonly #scores: Uint8Array;
  readonly #receive: BlockReceiver;
  readonly #delivered: Uint8Array;
  #leftCount: number;
  #isOver = false;

  /** Nothing is delivered yet; `scores` stand one after the other, or a `RangeError` is thrown. */
  constructor(scores: Uint8Array, receive: BlockReceiver) {
    this.#scores = scores;
    this.#receive = receive;
    this.#leftCount = scores.length / SCORE_LENGTH;
    if (!Number.isInteger(this.#leftCount)) {
      throw new RangeError(
        `Cannot read ${scores.length} bytes of scores: a score has 32`,
      );
    }
    this.#delivered = new Uint8Array(this.#leftCount);
  }

  /** True when all is delivered. */
  get complete(): boolean {
    return this.#leftCount === 0;
  }

  /** Delivers a block, or its damage, unless one was before. */
  give(
    index: number,
    block: Uint8Array | undefined,
    damage: BlockDamage | undefined,
  ): void {
    if (this.#isOver || this.#delivered[index] === 1) return;
    this.#delivered[index] = 1;
    this.#leftCount--;
    this.#receive(index, block, damage);
  }

  /** Delivers this damage for all that is left. */
  giveUp(damage: BlockDamage): void {
    for (let index = 0; index < this.#delivered.length; index++) {
      this.give(index, undefined, damage);
    }
  }

  /** Asks `read` for all that is left; what it delivers goes to `receive` with its place in the request. */
  async ask(
    read: (scores: Uint8Array, receive: BlockReceiver) => Promise<void>,
    receive: BlockReceiver,
  ): Promise<void> {
    const count = this.#delivered.length;
    if (this.#leftCount === count) return await read(this.#scores, receive);
    const left: number[] = [];
    this.#delivered.forEach((done, index) => {
      if (done === 0) left.push(index);
    });
    await read(gatherScores(this.#scores, left), (place, block, damage) => {
      receive(left[place]!, block, damage);
    });
  }

  /** Where one range was refused others may still be on their way: they come too late. */
  end(): void {
    this.#isOver = true;
  }
}
