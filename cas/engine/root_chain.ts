/**
 * The roots of volumes by their places, and whether another one fits in between.
 *
 * @module
 */

import { parseRootKey } from "./names.ts";
import type { PublishedRoot } from "./root_blob.ts";

interface Link {
  readonly hash: string;
  readonly previous:
    | { readonly sequence: number; readonly hash: string }
    | undefined;
}

interface Volume {
  /** Highest sequence of which there is a blob, sound or not. */
  newest: number;
  readonly links: Map<number, Link>;
  checked: boolean;
}

/** The roots that are known to be sound. */
export class RootChain {
  readonly #volumes = new Map<string, Volume>();

  /** Notes which roots there are. */
  see(keys: Iterable<string>): void {
    for (const key of keys) {
      const place = parseRootKey(key);
      if (place === undefined) continue;
      const volume = this.#volume(place.volumeId);
      volume.newest = Math.max(volume.newest, place.sequence);
    }
  }

  /** Adds a sound root. */
  add({ record, hash }: PublishedRoot): void {
    const { volumeId, sequence, previous } = record;
    const volume = this.#volume(volumeId);
    volume.newest = Math.max(volume.newest, sequence);
    volume.links.set(sequence, {
      hash,
      previous: previous && { ...previous },
    });
  }

  /** True if the root stands on what is there, and nothing there denies it. Lower ones must have been added. */
  fits({ record, hash }: PublishedRoot): boolean {
    const { sequence, previous, volumeId } = record;
    const { links } = this.#volume(volumeId);
    for (const link of links.values()) {
      if (link.previous?.sequence === sequence && link.previous.hash !== hash) {
        return false;
      }
    }
    if (previous === undefined) return true;
    const below = links.get(previous.sequence);
    return below === undefined || below.hash === previous.hash;
  }

  /** True if no blob there, sound or not, is of a newer state: it would be the present one. */
  isHead({ record }: PublishedRoot): boolean {
    return record.sequence >= this.#volume(record.volumeId).newest;
  }

  /** True if what is there has no such state: another one in its place, or none so new. */
  denies(
    volumeId: string,
    state: { readonly sequence: number; readonly hash: string },
  ): boolean {
    const { links, newest } = this.#volume(volumeId);
    const link = links.get(state.sequence);
    return link === undefined
      ? state.sequence > newest
      : link.hash !== state.hash;
  }

  /** Places without a sound root below the newest; of each volume once. */
  takeGaps(): { readonly volumeId: string; readonly sequence: number }[] {
    const gaps: { volumeId: string; sequence: number }[] = [];
    for (const [volumeId, volume] of this.#volumes) {
      if (volume.checked) continue;
      volume.checked = true;
      for (let sequence = 0; sequence <= volume.newest; sequence++) {
        if (!volume.links.has(sequence)) gaps.push({ volumeId, sequence });
      }
    }
    return gaps;
  }

  #volume(id: string): Volume {
    let volume = this.#volumes.get(id);
    if (volume === undefined) {
      volume = { newest: -1, links: new Map(), checked: false };
      this.#volumes.set(id, volume);
    }
    return volume;
  }
}
