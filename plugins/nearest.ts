/**
 * Finds what somebody meant to type.
 *
 * @module
 */

/** The word that `typed` is at most two slips away from; null if none is. */
export function nearestWord(
  typed: string,
  words: Iterable<string>,
): string | null {
  let nearest: string | null = null;
  // A word of which hardly a letter is right was not meant.
  let slipsMax = Math.min(2, Math.floor(typed.length / 2));
  for (const word of words) {
    const slips = slipsBetween(typed, word);
    if (slips > slipsMax || (nearest !== null && slips === slipsMax)) continue;
    nearest = word;
    slipsMax = slips;
  }
  return nearest;
}

/** Letters to insert, remove, replace, or swap with their neighbour. */
function slipsBetween(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const equal = left[row - 1] === right[column - 1];
      let slips = Math.min(
        last[column]! + 1,
        current[column - 1]! + 1,
        last[column - 1]! + (equal ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 &&
        left[row - 1] === right[column - 2] &&
        left[row - 2] === right[column - 1];
      if (swapped) slips = Math.min(slips, beforeLast[column - 2]! + 1);
      current.push(slips);
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length]!;
}
