/** What the tests of the index share: packs of made-up entries, and a model. */

import assert from "node:assert/strict";
import type { Disk } from "../../cas/disk/disk.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import { DiskIndex } from "../../cas/index/disk_index.ts";
import {
  emptyLocation,
  type IndexEntries,
  type ScoreIndex,
} from "../../cas/index/score_index.ts";
import { hasher } from "./packs_rig.ts";

const scores = new Map<number, Uint8Array>();

/** The made-up score of a number: uniform, as real ones are. Shared: not to be changed. */
export function scoreOfNumber(number: number): Uint8Array {
  const known = scores.get(number);
  if (known !== undefined) return known;
  const input = new Uint8Array(8);
  new DataView(input.buffer).setFloat64(0, number);
  const score = hasher.hash(input);
  scores.set(number, score);
  return score;
}

/** The made-up scores of numbers, one after the other. */
export function scoresOf(numbers: readonly number[]): Uint8Array {
  const scores = new Uint8Array(numbers.length * 32);
  numbers.forEach((it, i) => scores.set(scoreOfNumber(it), i * 32));
  return scores;
}

/** A pack of made-up entries. */
export interface TestPack {
  readonly name: string;
  readonly numbers: readonly number[];
  readonly entries: IndexEntries;
}

/** A pack that holds the scores of these numbers. */
export function makePack(
  pack: number,
  numbers: readonly number[],
): TestPack {
  const unique = [...new Set(numbers)];
  const keys = new Uint8Array(unique.length * 20);
  unique.forEach((number, i) =>
    keys.set(scoreOfNumber(number).subarray(0, 20), i * 20)
  );
  return {
    name: hasher.hash(new TextEncoder().encode(`pack ${pack}`)).toHex(),
    numbers: unique,
    entries: {
      count: unique.length,
      keys,
      offsets: Uint32Array.from(unique, (number) => 16 + number * 3),
      lengths: Uint16Array.from(unique, (number) => 1 + number % 4096),
      codecs: Uint8Array.from(unique, (number) => number % 3),
    },
  };
}

/** What an index should say: by number, the name of the pack and whether it is suspect. */
export class IndexModel {
  readonly places: Map<number, { pack: string; suspect: boolean }> = new Map();

  add(pack: TestPack): void {
    for (const number of pack.numbers) {
      this.places.set(number, { pack: pack.name, suspect: false });
    }
  }

  suspect(number: number): void {
    const place = this.places.get(number);
    if (place !== undefined) place.suspect = true;
  }

  /** Asserts that `index` says the same of these numbers. */
  check(index: ScoreIndex, numbers: Iterable<number>): void {
    const location = emptyLocation();
    const asked = [...numbers];
    const isNew = index.findNew(scoresOf(asked));
    for (const [i, number] of asked.entries()) {
      if (isNew[i] === 1) {
        const found = index.getCheaply(scoreOfNumber(number), 0, location);
        assert.ok(!found, `number ${number} is not new`);
      }
      const found = index.get(scoreOfNumber(number), 0, location);
      const place = this.places.get(number);
      assert.equal(found, place !== undefined, `number ${number}`);
      if (place === undefined) continue;
      assert.equal(index.packName(location.pack), place.pack);
      assert.equal(location.offset, 16 + number * 3);
      assert.equal(location.length, 1 + number % 4096);
      assert.equal(location.codec, number % 3);
      assert.equal(location.suspect, place.suspect, `number ${number}`);
    }
  }
}

/** An index on a disk, small enough to write many runs, and its events. */
export function openIndex(
  disk: Disk,
  options: {
    readonly identity?: string;
    readonly entriesMax?: number;
    readonly filterBytesMax?: number;
  } = {},
): { readonly index: DiskIndex; readonly events: ArchiveEvent[] } {
  const events: ArchiveEvent[] = [];
  const index = DiskIndex.open({
    disk,
    identity: options.identity ?? "archive 1",
    hash: hasher.hash,
    onEvent: (event) => events.push(event),
    tableEntriesMax: options.entriesMax ?? 40,
    ...(options.filterBytesMax === undefined
      ? {}
      : { filterBytesMax: options.filterBytesMax }),
  });
  return { index, events };
}

/** A small generator of numbers from 0 to below 1. */
export function seededRandom(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
