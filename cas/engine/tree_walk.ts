/**
 * All data blocks of a tree, by their scores: pointer blocks are read, data
 * blocks are not.
 *
 * @module
 */

import { SCORE_LENGTH } from "../block_store.ts";
import { isNullAt, scoreAt } from "../bytes.ts";
import type { DamageReport } from "./damage_report.ts";
import { POINTERS_PER_BLOCK, type Tree } from "./geometry.ts";
import { isPointerBlock, type Pointers } from "./pointers.ts";
import { pointerDamage } from "./tree_lookup.ts";

/** What a walk works with. */
export interface WalkOptions {
  /** Pointer blocks. */
  readonly pointers: Pointers;
  /** Takes the damage met. */
  readonly report: DamageReport;
  /** Lets other work go first. */
  readonly yieldNow: () => Promise<void>;
  /** Takes the 128 scores of a pointer block of level 1, borrowed. */
  readonly onScores: (scores: Uint8Array) => void;
  /** False to leave a pointer block and all below it out; all are visited when absent. */
  readonly enters?: (level: number, score: Uint8Array) => boolean;
  /** Told how many blocks a damaged pointer block hides. */
  readonly onHidden: (blockCount: number) => void;
}

/** Pointer blocks of one level, their scores one after the other. */
interface Nodes {
  readonly level: number;
  readonly positions: readonly number[];
  readonly scores: Uint8Array;
}

/** Walks through a tree in the order of its blocks. */
export async function walkTree(
  tree: Tree,
  options: WalkOptions,
): Promise<void> {
  const { root: scores, depth: level } = tree;
  if (isNullAt(scores, 0)) return;
  if (options.enters?.(level, scores) === false) return;
  await walk(tree, { level, positions: [0], scores }, options);
}

/** At most 128 nodes are held for each level. */
async function walk(
  tree: Tree,
  nodes: Nodes,
  options: WalkOptions,
): Promise<void> {
  const { pointers, report, yieldNow, onScores, onHidden } = options;
  const { level, positions, scores } = nodes;
  await yieldNow();
  const loaded = await pointers.load(level, scores);
  for (const [place, pointer] of loaded.entries()) {
    const position = positions[place]!;
    if (!isPointerBlock(pointer)) {
      const score = scoreAt(scores, place);
      const damage = pointerDamage(pointer, tree, { level, position, score });
      report.addPointers([damage]);
      onHidden(damage.blockCount);
    } else if (level === 1) {
      onScores(pointer);
    } else {
      await walk(tree, childrenOf(pointer, level, position, options), options);
    }
  }
}

function childrenOf(
  pointer: Uint8Array,
  level: number,
  parent: number,
  { enters }: WalkOptions,
): Nodes {
  const entries: number[] = [];
  for (let entry = 0; entry < POINTERS_PER_BLOCK; entry++) {
    if (isNullAt(pointer, entry)) continue;
    if (enters?.(level - 1, scoreAt(pointer, entry)) === false) continue;
    entries.push(entry);
  }
  const scores = new Uint8Array(entries.length * SCORE_LENGTH);
  entries.forEach((entry, place) =>
    scores.set(scoreAt(pointer, entry), place * SCORE_LENGTH)
  );
  const positions = entries.map((entry) => parent * POINTERS_PER_BLOCK + entry);
  return { level: level - 1, positions, scores };
}
