/**
 * Remembers that an index was found damaged: from then on it answers nothing.
 *
 * @module
 */

import { IndexDamagedError } from "./score_index.ts";

/** The damage of an index. */
export class DamageMemory {
  /** The first that was found since it was begun anew. */
  error: IndexDamagedError | undefined;

  /** What `ask` returns. Throws what was found damaged before, or by `ask`. */
  guard<Result>(ask: () => Result): Result {
    if (this.error !== undefined) throw this.error;
    try {
      return ask();
    } catch (error) {
      if (error instanceof IndexDamagedError) this.error = error;
      throw error;
    }
  }
}
