/**
 * Notices sequential reading and says which blocks to fetch before they are
 * asked for.
 *
 * @module
 */

/** Blocks ahead at first, and at most: 32 KiB and 512 KiB. */
const WINDOW_FIRST = 8;
const WINDOW_MAX = 128;

/** Follows the reads of one device. */
export class ReadAhead {
  #expected = -1;
  #window = 0;
  #aheadEnd = 0;

  /**
   * Notes a read of the blocks from `first` to `last`. True if blocks should be
   * fetched now: those from `start` to before `end`.
   */
  note(first: number, last: number): boolean {
    // A frame may carry a quarter of a block, so the same block comes again.
    const sequential = first === this.#expected ||
      first === this.#expected - 1;
    if (sequential && last + 1 === this.#expected) return false;
    this.#expected = last + 1;
    if (!sequential) {
      this.#window = 0;
      this.#aheadEnd = last + 1;
      return false;
    }
    if (this.#window > 0 && this.#aheadEnd - last > this.#window / 2) {
      return false;
    }
    this.#window = Math.min(
      WINDOW_MAX,
      Math.max(WINDOW_FIRST, 2 * this.#window),
    );
    this.start = Math.max(last + 1, this.#aheadEnd);
    this.end = last + 1 + this.#window;
    this.#aheadEnd = this.end;
    return true;
  }

  /** First block to fetch. */
  start = 0;
  /** Where to stop. */
  end = 0;
}
