/**
 * Numbers of things, for people.
 *
 * @module
 */

/** "1 volume", "2 volumes"; `plural` where it is not made with an "s". */
export function counted(
  count: number,
  singular: string,
  plural: string = `${singular}s`,
): string {
  return `${count} ${count === 1 ? singular : plural}`;
}
