/**
 * Which states of which volumes cannot be read whole, and where: every tree of
 * the archive is walked, each distinct pointer block once. Data blocks are
 * looked up, and read where their pack is under suspicion.
 *
 * It holds the scores of all distinct pointer blocks, as `check` does: about
 * 100 MB for 1 TiB of distinct data. It runs only when damage was found.
 *
 * @module
 */

import { SECTORS_PER_BLOCK } from "../block_pool.ts";
import { BlockKind, SCORE_LENGTH } from "../block_store.ts";
import { ArchiveError } from "../errors.ts";
import type { TouchedVolume } from "../scrub_report.ts";
import { isNullAt, scoreAt } from "../bytes.ts";
import type { EngineContext } from "./context.ts";
import { blocksBelow, POINTERS_PER_BLOCK } from "./geometry.ts";
import { addUnknownPacks } from "./listed_packs.ts";
import type { ReadyBlocks } from "./open_blocks.ts";
import { isPointerBlock } from "./pointers.ts";
import { listSequences, listVolumeIds, readRoot } from "./root_store.ts";
import { listSnapshots, type StoredSnapshot } from "./snapshots.ts";
import { treeOf } from "./views.ts";

/** Ranges that are told of one volume. */
const RANGES_MAX = 1000;

/** Damaged blocks below a pointer block, counted from its first one. */
interface Range {
  readonly first: number;
  readonly count: number;
}

const NONE: readonly Range[] = [];

/** All volumes with damage. `suspects` are the packs that may be damaged. */
export async function findDamage(
  context: EngineContext,
  ready: ReadyBlocks,
  suspects: ReadonlySet<string>,
): Promise<TouchedVolume[]> {
  const { blocks } = ready;
  const mendedBefore = await blocks.mend();
  const touched = await searchAll(context, ready, suspects);
  // What was looked up in an index that is no more may be wrong.
  const again = await blocks.mend() !== mendedBefore;
  return again ? await searchAll(context, ready, suspects) : touched;
}

async function searchAll(
  context: EngineContext,
  ready: ReadyBlocks,
  suspects: ReadonlySet<string>,
): Promise<TouchedVolume[]> {
  await addUnknownPacks(context, ready.blocks);
  const search = new DamageSearch(context, ready, suspects);
  const snapshots = await listSnapshots(context);
  const touched: TouchedVolume[] = [];
  for (const volumeId of await listVolumeIds(context)) {
    const named = snapshots.filter((it) => it.volumeId === volumeId);
    const volume = await search.volume(volumeId, named);
    if (volume !== undefined) touched.push(volume);
  }
  return touched;
}

class DamageSearch {
  readonly #context: EngineContext;
  readonly #ready: ReadyBlocks;
  readonly #suspects: ReadonlySet<string>;
  /** Pointer blocks without damage below them, by level and score. */
  readonly #sound = new Set<string>();
  /** The others. */
  readonly #damaged = new Map<string, readonly Range[]>();

  constructor(
    context: EngineContext,
    ready: ReadyBlocks,
    suspects: ReadonlySet<string>,
  ) {
    this.#context = context;
    this.#ready = ready;
    this.#suspects = suspects;
  }

  /** What is damaged of a volume, newest states first; undefined when nothing is. */
  async volume(
    volumeId: string,
    snapshots: readonly StoredSnapshot[],
  ): Promise<TouchedVolume | undefined> {
    const sequences = await listSequences(this.#context, volumeId);
    let newest: Omit<TouchedVolume, "stateCount" | "snapshots"> | undefined;
    const damaged = new Set<number>();
    for (const sequence of sequences.toReversed()) {
      const state = await this.#state(volumeId, sequence);
      if (state === undefined) continue;
      damaged.add(sequence);
      const present = sequence === sequences.at(-1);
      newest ??= { volumeId, sequence, present, ...state };
    }
    return newest && {
      ...newest,
      stateCount: damaged.size,
      snapshots: snapshots.filter((it) => damaged.has(it.sequence))
        .map(({ name }) => name),
    };
  }

  async #state(
    volumeId: string,
    sequence: number,
  ): Promise<
    Pick<TouchedVolume, "volume" | "sectors" | "sectorCount"> | undefined
  > {
    try {
      const { record } = await readRoot(this.#context, volumeId, sequence);
      const { root, depth, blockCount } = treeOf(record);
      const ranges = isNullAt(root, 0) ? NONE : await this.#below(depth, root);
      if (ranges.length === 0) return undefined;
      return { volume: record.name, ...sectorsOf(ranges, blockCount) };
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      // Of a root that cannot be read even the name of its volume is unknown.
      return { volume: volumeId, sectors: [], sectorCount: 0 };
    }
  }

  /** Damaged blocks below the pointer block of this score. */
  async #below(level: number, score: Uint8Array): Promise<readonly Range[]> {
    const key = keyOf(level, score);
    if (this.#sound.has(key)) return NONE;
    const known = this.#damaged.get(key);
    if (known !== undefined) return known;
    await this.#context.clock.yieldNow();
    const [pointer] = await this.#ready.pointers.load(level, score);
    const ranges = pointer === undefined || !isPointerBlock(pointer)
      ? [{ first: 0, count: blocksBelow(level) }]
      : level === 1
      ? await this.#data(pointer)
      : await this.#children(level, pointer.slice());
    if (ranges.length === 0) this.#sound.add(key);
    else this.#damaged.set(key, ranges);
    return ranges;
  }

  async #children(level: number, pointer: Uint8Array): Promise<Range[]> {
    const span = blocksBelow(level - 1);
    const ranges: Range[] = [];
    await this.#fetch(level - 1, pointer);
    for (let entry = 0; entry < POINTERS_PER_BLOCK; entry++) {
      if (isNullAt(pointer, entry)) continue;
      const below = await this.#below(level - 1, scoreAt(pointer, entry));
      for (const { first, count } of below) {
        ranges.push({ first: entry * span + first, count });
      }
    }
    return joined(ranges);
  }

  /** Brings all children that are not known yet into the cache of pointers at once. */
  async #fetch(level: number, pointer: Uint8Array): Promise<void> {
    const unknown: Uint8Array[] = [];
    for (let entry = 0; entry < POINTERS_PER_BLOCK; entry++) {
      if (isNullAt(pointer, entry)) continue;
      const score = scoreAt(pointer, entry);
      const key = keyOf(level, score);
      if (!this.#sound.has(key) && !this.#damaged.has(key)) unknown.push(score);
    }
    const scores = new Uint8Array(unknown.length * SCORE_LENGTH);
    unknown.forEach((score, at) => scores.set(score, at * SCORE_LENGTH));
    await this.#ready.pointers.load(level, scores);
  }

  /** Damaged data blocks of a pointer block of level 1. */
  async #data(pointer: Uint8Array): Promise<Range[]> {
    const { blocks, reader } = this.#ready;
    const ranges: Range[] = [];
    const doubtful: number[] = [];
    for (let entry = 0; entry < POINTERS_PER_BLOCK; entry++) {
      if (isNullAt(pointer, entry)) continue;
      const place = blocks.locate(pointer, entry * SCORE_LENGTH);
      if (place === undefined) ranges.push({ first: entry, count: 1 });
      else if (this.#suspects.has(place.pack)) doubtful.push(entry);
    }
    const scores = new Uint8Array(doubtful.length * SCORE_LENGTH);
    doubtful.forEach((entry, at) =>
      scores.set(scoreAt(pointer, entry), at * SCORE_LENGTH)
    );
    await reader.read(BlockKind.Data, scores, (at, block) => {
      if (block === undefined) ranges.push({ first: doubtful[at]!, count: 1 });
    });
    return joined(ranges);
  }
}

function keyOf(level: number, score: Uint8Array): string {
  return String.fromCharCode(level, ...score);
}

/** Ascending, neighbours as one. */
function joined(ranges: readonly Range[]): Range[] {
  const all: Range[] = [];
  for (const next of ranges.toSorted((a, b) => a.first - b.first)) {
    const last = all.at(-1);
    if (last !== undefined && last.first + last.count === next.first) {
      all[all.length - 1] = { ...last, count: last.count + next.count };
    } else all.push(next);
  }
  return all;
}

function sectorsOf(
  ranges: readonly Range[],
  blockCount: number,
): Pick<TouchedVolume, "sectors" | "sectorCount"> {
  const sectors = ranges.map(({ first, count }) => ({
    lba: first * SECTORS_PER_BLOCK,
    sectorCount: Math.min(count, blockCount - first) * SECTORS_PER_BLOCK,
  }));
  return {
    sectors: sectors.slice(0, RANGES_MAX),
    sectorCount: sectors.reduce((sum, it) => sum + it.sectorCount, 0),
  };
}
