/**
 * Notices sequential reading and says which blocks to fetch before they are
 * asked for.
 *
 * How far ahead is learned: a window doubles while the reader still has to wait.
 * A local store is quick enough for the smallest ones; a store that is 20 ms
 * away takes as much as lies on the wire meanwhile.
 *
 * @module
 */

/** Blocks ahead at first, and without ever waiting: 32 KiB and 512 KiB. */
const WINDOW_FIRST = 8;
const WINDOW_EASY = 128;
/** Blocks asked for at a time, at most: 1 MiB. */
const STEP_MAX = 256;
/** Readers of one device that are told apart. */
const SEQUENCES_MAX = 8;
/** Requests of a known sequence may come in another order: within 128 KiB. */
const DISORDER_MAX = 32;

/** One reader that goes forwards. */
class Sequence {
  /** The block behind the furthest that it read; -1 before the first. */
  expected = -1;
  /** How many blocks ahead of it are to be fetched. */
  window = 0;
  /** The block behind the last that was said to be fetched. */
  aheadEnd = 0;
  /** It had to wait since something was fetched. */
  waited = false;

  /** Begins anew behind `last`. */
  begin(last: number): void {
    this.expected = last + 1;
    this.window = 0;
    this.aheadEnd = last + 1;
    this.waited = false;
  }
}

/** Follows the reads of one device. */
export class ReadAhead {
  readonly #windowMax: number;
  /** The one that read last comes first. */
  readonly #sequences: Sequence[] = Array.from(
    { length: SEQUENCES_MAX },
    () => new Sequence(),
  );

  /** At most `windowMax` blocks ahead of a reader. */
  constructor(windowMax: number) {
    this.#windowMax = windowMax;
  }

  /**
   * Notes a read of the blocks from `first` to `last`, and whether it had to
   * wait. True if blocks should be fetched now: those from `start` to before
   * `end`.
   */
  note(first: number, last: number, waited: boolean): boolean {
    const sequence = this.#sequenceAt(first, last);
    if (sequence === undefined) return false;
    sequence.waited ||= waited;
    // A frame may carry a quarter of a block, so the same block comes again.
    if (last < sequence.expected) return false;
    sequence.expected = last + 1;
    const left = sequence.aheadEnd - sequence.expected;
    const step = Math.min(STEP_MAX, sequence.window / 2);
    if (sequence.window > 0 && left > sequence.window - step) return false;
    this.#widen(sequence);
    this.start = Math.max(sequence.expected, sequence.aheadEnd);
    this.end = Math.min(
      sequence.expected + sequence.window,
      this.start + Math.max(STEP_MAX, sequence.window / 2),
    );
    sequence.aheadEnd = this.end;
    return this.start < this.end;
  }

  /** First block to fetch. */
  start = 0;
  /** Where to stop. */
  end = 0;

  #widen(sequence: Sequence): void {
    const most = sequence.waited
      ? this.#windowMax
      : Math.max(WINDOW_EASY, sequence.window);
    const wanted = Math.max(WINDOW_FIRST, 2 * sequence.window);
    sequence.window = Math.min(this.#windowMax, most, wanted);
    sequence.waited = false;
  }

  /** The sequence that a read goes on with; else undefined, and it begins one. */
  #sequenceAt(first: number, last: number): Sequence | undefined {
    const sequences = this.#sequences;
    let place = 0;
    for (; place < SEQUENCES_MAX; place++) {
      const { expected, window } = sequences[place] as Sequence;
      if (expected < 0) continue;
      if (first === expected || first === expected - 1) break;
      const distance = Math.abs(first - expected);
      if (window > 0 && distance <= DISORDER_MAX) break;
    }
    const isKnown = place < SEQUENCES_MAX;
    const found = sequences[isKnown ? place : SEQUENCES_MAX - 1] as Sequence;
    if (place > 0) {
      sequences.copyWithin(1, 0, isKnown ? place : SEQUENCES_MAX - 1);
      sequences[0] = found;
    }
    if (isKnown) return found;
    found.begin(last);
    return undefined;
  }
}
