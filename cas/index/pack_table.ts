/**
 * The packs an index knows, by name and by number.
 *
 * @module
 */

/** Numbers for pack names, in the order they came. */
export class PackTable {
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();
  /** Entries of some of them may be unproven. */
  restOnCopies = false;

  /** How many packs there are. */
  get count(): number {
    return this.#names.length;
  }

  /** True if the pack has a number. */
  has(name: string): boolean {
    return this.#numbers.has(name);
  }

  /** The pack's number, given to it now if it has none; `unproven` as of its entries. */
  add(name: string, unproven = false): number {
    this.restOnCopies ||= unproven;
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#names.length;
    this.#names.push(name);
    this.#numbers.set(name, number);
    return number;
  }

  /** The name of a pack. Throws `RangeError` for a number never given. */
  name(number: number): string {
    const name = this.#names[number];
    if (name === undefined) {
      throw new RangeError(
        `Cannot name pack ${number} of the index: it has ${this.count} packs`,
      );
    }
    return name;
  }

  /** Forgets all packs. */
  clear(): void {
    this.#names.length = 0;
    this.#numbers.clear();
    this.restOnCopies = false;
  }
}
