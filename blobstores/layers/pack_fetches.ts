/**
 * Extents that are being fetched from a store: each once, however many wait for
 * it, and each until it lies on the local disk.
 *
 * @module
 */

/** A run of extents on its way. */
export interface PackFetch {
  /** The pack's key. */
  readonly key: string;
  /** Its first extent. */
  readonly first: number;
  /** The extent behind its last. */
  readonly end: number;
  /** Its bytes, to be read only; rejects as the store did. */
  readonly bytes: Promise<Uint8Array>;
  /** How many wait; the fetch is given up when none does. */
  waiting: number;
  /** Gives it up. */
  readonly giveUp: AbortController;
}

/** All fetches under way. */
export class PackFetches {
  readonly #fetches = new Map<string, Map<number, PackFetch>>();

  /** The fetch that brings an extent of the pack under `key`. */
  find(key: string, extent: number): PackFetch | undefined {
    return this.#fetches.get(key)?.get(extent);
  }

  /** Begins to fetch extents. They stay until `end`; a failed fetch goes at once. */
  begin(
    run: Pick<PackFetch, "key" | "first" | "end">,
    fetch: (signal: AbortSignal) => Promise<Uint8Array>,
  ): PackFetch {
    const { key, first, end } = run;
    const giveUp = new AbortController();
    const bytes = fetch(giveUp.signal);
    const started = { key, first, end, bytes, giveUp, waiting: 0 };
    const extents = this.#fetches.get(key) ?? new Map<number, PackFetch>();
    this.#fetches.set(key, extents);
    for (let at = first; at < end; at++) extents.set(at, started);
    bytes.catch(() => this.end(started));
    return started;
  }

  /** Forgets a fetch: its extents can be had elsewhere, or not at all. */
  end(fetch: PackFetch): void {
    const extents = this.#fetches.get(fetch.key);
    if (extents === undefined) return;
    for (let at = fetch.first; at < fetch.end; at++) {
      if (extents.get(at) === fetch) extents.delete(at);
    }
    if (extents.size === 0) this.#fetches.delete(fetch.key);
  }

  /**
   * Waits for a fetch; rejects with the signal's reason when it aborts first. A
   * fetch for which nobody waits any more is given up.
   */
  wait(
    fetch: PackFetch,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    fetch.waiting++;
    return new Promise<Uint8Array>((resolve, reject) => {
      const abort = (): void => {
        reject(signal?.reason);
        if (--fetch.waiting > 0) return;
        // Nobody who comes now may wait for what will fail.
        this.end(fetch);
        fetch.giveUp.abort(signal?.reason);
      };
      if (signal?.aborted) return abort();
      const settled = (): void => signal?.removeEventListener("abort", abort);
      signal?.addEventListener("abort", abort, { once: true });
      fetch.bytes.then(resolve, reject).finally(settled);
    });
  }
}
