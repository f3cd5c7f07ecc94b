/**
 * What volumes and snapshots come to: data, distinct data, stored bytes.
 *
 * @module
 */

import type {
  ArchiveStatistics,
  ContentStatistics,
  StateStatistics,
} from "../archive_operations.ts";
import { SCORE_LENGTH } from "../block_store.ts";
import { isNullAt } from "../bytes.ts";
import { PACKS_PREFIX } from "../packs/pack_files.ts";
import type { EngineContext } from "./context.ts";
import { DamageReport, type ReportedDamage } from "./damage_report.ts";
import { describeState } from "./describe_state.ts";
import { POINTERS_PER_BLOCK } from "./geometry.ts";
import type { ReadyBlocks } from "./open_blocks.ts";
import { ScoreSample } from "./score_sample.ts";
import { walkTree } from "./tree_walk.ts";
import { treeOf, type ViewRoot } from "./views.ts";

/** A state to be counted. */
export interface CountedState {
  /** Its root. */
  readonly root: ViewRoot;
  /** Set for a snapshot. */
  readonly snapshot?: string;
}

/** What counting works with. */
export interface StatisticsOptions extends ReadyBlocks {
  /** The engine's surroundings. */
  readonly context: EngineContext;
  /** Damage that was told of before. */
  readonly reported: ReportedDamage;
}

/** Counts states, one after the other and all together. */
export async function countStates(
  states: readonly CountedState[],
  options: StatisticsOptions,
): Promise<Omit<ArchiveStatistics, "scrub" | "index">> {
  const { context } = options;
  const total = new Counter(options);
  const counted: StateStatistics[] = [];
  for (const { root, snapshot } of states) {
    const own = new Counter(options);
    await countTree(root, [own, total], options);
    const named = snapshot === undefined ? {} : { snapshot };
    counted.push({ state: describeState(root), ...named, ...own.result });
  }
  return { states: counted, total: total.result, ...await countPacks(context) };
}

async function countTree(
  { record }: ViewRoot,
  counters: readonly Counter[],
  options: StatisticsOptions,
): Promise<void> {
  const { context, pointers, reported } = options;
  const { clock, onEvent } = context;
  const report = new DamageReport();
  await walkTree(treeOf(record), {
    pointers,
    report,
    yieldNow: () => clock.yieldNow(),
    onScores: (scores) => counters.forEach((it) => it.addScores(scores)),
    onHidden: (count) => counters.forEach((it) => it.addHidden(count)),
  });
  report.emit({ onEvent, reported }, { name: record.name });
}

async function countPacks(
  { store, retry }: EngineContext,
): Promise<Pick<ArchiveStatistics, "packCount" | "packBytes">> {
  return await retry.run(`list packs in ${store.display}`, async () => {
    let packCount = 0;
    let packBytes = 0;
    for await (const { size } of store.list(PACKS_PREFIX)) {
      packCount++;
      packBytes += size;
    }
    return { packCount, packBytes };
  });
}

class Counter {
  readonly #sample: ScoreSample;
  #blockCount = 0;
  #hiddenCount = 0;

  constructor({ blocks }: StatisticsOptions) {
    this.#sample = new ScoreSample((scores, offset) =>
      blocks.locate(scores, offset)?.length
    );
  }

  addScores(scores: Uint8Array): void {
    for (let entry = 0; entry < POINTERS_PER_BLOCK; entry++) {
      if (isNullAt(scores, entry)) continue;
      this.#blockCount++;
      this.#sample.add(scores, entry * SCORE_LENGTH);
    }
  }

  addHidden(blockCount: number): void {
    this.#hiddenCount += blockCount;
  }

  get result(): ContentStatistics {
    return {
      blockCount: this.#blockCount,
      hiddenCount: this.#hiddenCount,
      ...this.#sample.counts,
    };
  }
}
