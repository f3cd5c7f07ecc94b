/**
 * Maps what comes one after the other, several at once, results in order.
 *
 * @module
 */

/** Yields `map` of every item in the order of the items, with up to `width` under way. */
export async function* mapInOrder<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  width: number,
  map: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const underWay: Promise<R>[] = [];
  for await (const item of items) {
    const result = map(item);
    // Handled where it is awaited; until then it must not count as unhandled.
    result.catch(() => {});
    underWay.push(result);
    if (underWay.length >= width) yield await (underWay.shift() as Promise<R>);
  }
  for (const result of underWay) yield await result;
}
