/** What happened in a simulated run: a hash of everything, and the newest of it. */

const KEPT_COUNT = 4000;

export class EventLog {
  count = 0;
  #first = 0x811c9dc5;
  #second = 0x9747b28c;
  readonly #kept: string[] = [];

  add(line: string): void {
    let first = this.#first;
    let second = this.#second;
    for (let at = 0; at < line.length; at++) {
      const code = line.charCodeAt(at);
      first = Math.imul(first ^ code, 0x01000193);
      second = Math.imul(second ^ code, 0x85ebca6b) ^ (second >>> 13);
    }
    this.#first = Math.imul(first ^ 10, 0x01000193);
    this.#second = second;
    this.#kept[this.count++ % KEPT_COUNT] = line;
  }

  /** The same for the same lines. */
  get hash(): string {
    return [this.#first, this.#second].map((word) =>
      (word >>> 0).toString(16).padStart(8, "0")
    ).join("");
  }

  /** The newest lines, oldest first. */
  last(count: number): string[] {
    const from = Math.max(0, this.count - Math.min(count, KEPT_COUNT));
    return Array.from(
      { length: this.count - from },
      (_, index) => this.#kept[(from + index) % KEPT_COUNT] as string,
    );
  }
}
