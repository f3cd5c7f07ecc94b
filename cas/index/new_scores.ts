/**
 * Finds the scores that are new to an index, many at a time.
 *
 * @module
 */

import { SCORE_LENGTH } from "../block_store.ts";
import { KeyBatch } from "./key_batch.ts";

/** Keys of a batch: more of them do not make it faster. */
const BATCH_KEYS = 256;

/** A place that may have keys: leaves those open that it does not have. Throws `IndexDamagedError`. */
export interface KeyPlace {
  /** Asks it for all open keys. */
  sift(batch: KeyBatch): void;
}

/** Finds new scores. */
export class NewScores {
  readonly #batch = new KeyBatch(BATCH_KEYS);

  /** Which of the scores that stand one after the other in `scores` none of the places has: 1 each. */
  find(scores: Uint8Array, places: readonly KeyPlace[]): Uint8Array {
    const count = scores.length / SCORE_LENGTH;
    const isNew = new Uint8Array(count);
    const batch = this.#batch;
    for (let first = 0; first < count; first += BATCH_KEYS) {
      batch.load(scores, first, Math.min(BATCH_KEYS, count - first));
      for (const place of places) place.sift(batch);
      for (let key = 0; key < batch.openCount; key++) {
        isNew[first + batch.position(key)] = 1;
      }
    }
    return isNew;
  }
}
