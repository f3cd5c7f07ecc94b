/**
 * How many distinct blocks there are and what they take, in bounded memory.
 *
 * Scores are hashes, so those below a bound are a fair sample of the distinct
 * ones, the same in every volume. The bound is halved whenever the sample grows
 * too large; until then everything is counted.
 *
 * @module
 */

import { SCORE_LENGTH } from "../block_store.ts";

/** Distinct scores kept: about 30 MB, and a standard error of 0.2 to 0.3 %. */
const COUNT_MAX = 262_144;
/** Bytes of a score that tell it from all others. */
const KEY_LENGTH = 16;
/** First words of scores are below this. */
const WORD_END = 2 ** 32;

/** The stored bytes of a block; undefined when it is missing. */
export type LengthOf = (
  scores: Uint8Array,
  offset: number,
) => number | undefined;

/** A sample of the distinct scores given to it. */
export class ScoreSample {
  readonly #lengthOf: LengthOf;
  readonly #countMax: number;
  /** Stored bytes by score; -1 where missing. */
  readonly #lengths = new Map<string, number>();
  #bound: number = WORD_END;

  /** Looks lengths up once for each distinct score that it keeps. */
  constructor(lengthOf: LengthOf, countMax: number = COUNT_MAX) {
    this.#lengthOf = lengthOf;
    this.#countMax = countMax;
  }

  /** Notes the score at `offset` of `scores`. */
  add(scores: Uint8Array, offset: number): void {
    if (firstWord(scores, offset) >= this.#bound) return;
    const key = String.fromCharCode(
      ...scores.subarray(offset, offset + KEY_LENGTH),
    );
    if (this.#lengths.has(key)) return;
    this.#lengths.set(key, this.#lengthOf(scores, offset) ?? -1);
    while (this.#lengths.size > this.#countMax) this.#halve();
  }

  /** What the scores come to. */
  get counts(): {
    readonly uniqueCount: number;
    readonly storedBytes: number;
    readonly missingCount: number;
    readonly estimated: boolean;
  } {
    const scale = WORD_END / this.#bound;
    let stored = 0;
    let missing = 0;
    for (const length of this.#lengths.values()) {
      if (length < 0) missing++;
      else stored += length;
    }
    return {
      uniqueCount: this.#lengths.size * scale,
      storedBytes: stored * scale,
      missingCount: missing * scale,
      estimated: scale > 1,
    };
  }

  #halve(): void {
    this.#bound /= 2;
    const bytes = new Uint8Array(SCORE_LENGTH);
    for (const key of this.#lengths.keys()) {
      for (let at = 0; at < 4; at++) bytes[at] = key.charCodeAt(at);
      if (firstWord(bytes, 0) >= this.#bound) this.#lengths.delete(key);
    }
  }
}

function firstWord(scores: Uint8Array, offset: number): number {
  return scores[offset]! * 2 ** 24 + scores[offset + 1]! * 2 ** 16 +
    scores[offset + 2]! * 2 ** 8 + scores[offset + 3]!;
}
