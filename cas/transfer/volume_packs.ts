/**
 * The packs that a volume needs, with its whole history.
 *
 * It holds the scores of the volume's distinct pointer blocks: about 100 MB for
 * 1 TiB of distinct data.
 *
 * @module
 */

import { SCORE_LENGTH } from "../block_store.ts";
import { fromHex, isNullAt, scoreAt } from "../bytes.ts";
import type { EngineContext } from "../engine/context.ts";
import { DamageReport, ReportedDamage } from "../engine/damage_report.ts";
import { POINTERS_PER_BLOCK } from "../engine/geometry.ts";
import { Pointers } from "../engine/pointers.ts";
import { readRoot } from "../engine/root_store.ts";
import { walkTree } from "../engine/tree_walk.ts";
import { treeOf } from "../engine/views.ts";
import { ArchiveError } from "../errors.ts";
import { LOCATE_COUNT_MAX, PLACE_LENGTH } from "../transfer_operations.ts";
import type { VolumePlan } from "./copy_plan.ts";
import { locate, PlacedBlocks } from "./placed_blocks.ts";
import type { TransferContext } from "./transfer_context.ts";

const POINTER_CACHE_BYTES_MAX: number = 32 * 2 ** 20;

/** Names of all packs that the new states of a plan need, or that their roots name. Rejects with `Damaged`. */
export async function packsOfVolume(
  { volumeId, sequences }: VolumePlan,
  context: TransferContext & { readonly engine: EngineContext },
): Promise<Set<string>> {
  const blocks = new PlacedBlocks(context);
  try {
    const search = new Search(context, blocks);
    // The newest first: the most of all trees is met under it.
    for (const sequence of sequences.toReversed()) {
      await search.addRoot(volumeId, sequence);
    }
    return await search.finish();
  } finally {
    blocks.close();
  }
}

class Search {
  readonly #context: TransferContext & { readonly engine: EngineContext };
  readonly #pointers: Pointers;
  readonly #packs = new Set<string>();
  readonly #seen = new Set<string>();
  /** Scores to be looked up. */
  #wanted: Uint8Array[] = [];

  constructor(
    context: TransferContext & { readonly engine: EngineContext },
    blocks: PlacedBlocks,
  ) {
    this.#context = context;
    this.#pointers = new Pointers(blocks, POINTER_CACHE_BYTES_MAX);
  }

  async addRoot(volumeId: string, sequence: number): Promise<void> {
    const { engine } = this.#context;
    const { clock } = engine;
    const root = await readRoot(engine, volumeId, sequence);
    for (const pack of root.packs) this.#packs.add(pack);
    this.#wanted.push(fromHex(root.hash));
    const report = new DamageReport();
    await walkTree(treeOf(root.record), {
      pointers: this.#pointers,
      report,
      yieldNow: async () => {
        await this.#lookUp(LOCATE_COUNT_MAX);
        await clock.yieldNow();
      },
      enters: (level, score) => this.#isNew(level, score),
      onScores: (scores) => this.#addScores(scores),
      onHidden: () => {},
    });
    report.emit({
      onEvent: ({ message }) => {
        throw new ArchiveError("Damaged", message);
      },
      reported: new ReportedDamage(() => clock.nowMs()),
    }, { name: root.record.name });
  }

  async finish(): Promise<Set<string>> {
    await this.#lookUp(1);
    return this.#packs;
  }

  #isNew(level: number, score: Uint8Array): boolean {
    const key = String.fromCharCode(level, ...score);
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    this.#wanted.push(score.slice());
    return true;
  }

  #addScores(scores: Uint8Array): void {
    for (let entry = 0; entry < POINTERS_PER_BLOCK; entry++) {
      if (!isNullAt(scores, entry)) {
        this.#wanted.push(scoreAt(scores, entry).slice());
      }
    }
  }

  /** Looks up what is wanted, as long as there is so much of it. */
  async #lookUp(countMin: number): Promise<void> {
    while (this.#wanted.length >= countMin) {
      const batch = this.#wanted.splice(0, LOCATE_COUNT_MAX);
      const scores = new Uint8Array(batch.length * SCORE_LENGTH);
      batch.forEach((score, index) => scores.set(score, index * SCORE_LENGTH));
      const { packs, places } = await locate(this.#context, scores, {
        thorough: true,
      });
      const lost = batch.findIndex((_, index) =>
        places[index * PLACE_LENGTH]! < 0
      );
      if (lost >= 0) {
        throw new ArchiveError(
          "Damaged",
          `No pack holds block ${
            batch[lost]!.toHex()
          } of the volume: restore the missing packs in ${this.#context.store.display} from a copy ("check" names them), and copy again`,
        );
      }
      for (const pack of packs) this.#packs.add(pack);
    }
  }
}
