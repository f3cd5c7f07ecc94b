/**
 * Changes many blocks of a tree at once and gives its new root.
 *
 * Two passes over the pointer blocks on the way to the changed blocks. The first
 * goes down and notes the old score of each; the second goes up, makes each
 * anew, and stores those that changed. Between them only scores are held (about
 * 100 bytes per pointer block on the way), never all the pointer blocks.
 *
 * Invariants:
 * - the result is canonical: an all-null pointer block is itself null, so equal
 *   content gives an equal root, in whatever order and batches it came;
 * - a pointer block all of whose blocks change is made without reading the old
 *   one, and handed to the writer even if it has the old one's score, so
 *   overwriting a damaged region heals it;
 * - below a pointer block that cannot be read nothing changes: those blocks are
 *   named in `deferred`.
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import { type BlockWriter, SCORE_LENGTH } from "../block_store.ts";
import type { Hasher } from "../score.ts";
import { equalBytes, isNullAt, isZero, scoreAt } from "../bytes.ts";
import { blocksBelow, POINTERS_PER_BLOCK, type Tree } from "./geometry.ts";
import { isPointerBlock, type Pointers } from "./pointers.ts";
import { type PointerDamage, pointerDamage } from "./tree_lookup.ts";

/** Pointer blocks loaded at once: 1 MiB. */
const BATCH_COUNT = 256;

/** New content. The arrays are of equal length. */
export interface TreeChanges {
  /** Block numbers, strictly ascending. */
  readonly blocks: Float64Array;
  /** The new score of each, one after the other; null for zeros. */
  readonly scores: Uint8Array;
}

/** What `updateTree` works with. */
export interface TreeUpdateOptions {
  /** Loads old pointer blocks, and remembers new ones. */
  readonly pointers: Pointers;
  /** Takes new pointer blocks. */
  readonly writer: BlockWriter;
  /** Scores them. */
  readonly hasher: Hasher;
  /** Lets other work of the thread go first, between batches. */
  readonly yieldNow: () => Promise<void>;
}

/** The tree after an update. */
export interface TreeUpdateResult {
  /** The new root. */
  readonly root: Uint8Array;
  /** Changes that could not be applied, ascending. */
  readonly deferred: Float64Array;
  /** Why. */
  readonly damages: readonly PointerDamage[];
}

/** What is to be done with a pointer block. */
const NodeState = {
  /** Load the old one, if it is not null, and change it. */
  Change: 0,
  /** All below it changes: make it anew without the old one. */
  Replace: 1,
  /** It, or one above it, cannot be read: leave it. */
  Damaged: 2,
} as const;

/** The changing blocks of one level; level 0 are the data blocks. */
interface Level {
  readonly positions: Float64Array;
  /** The child of node `i` are the nodes `firstChild[i]` to `firstChild[i + 1]` one level below. */
  readonly firstChild: Uint32Array;
  readonly states: Uint8Array;
  readonly oldScores: Uint8Array;
  readonly newScores: Uint8Array;
}

/** Applies changes to a tree. `changes` is borrowed until the promise settles. */
export async function updateTree(
  tree: Tree,
  changes: TreeChanges,
  options: TreeUpdateOptions,
): Promise<TreeUpdateResult> {
  const count = changes.blocks.length;
  if (count === 0) {
    return { root: tree.root, deferred: new Float64Array(0), damages: [] };
  }
  if (changes.blocks[count - 1]! >= tree.blockCount) {
    throw new RangeError("A changed block lies outside the volume");
  }
  const update = new Update(tree, changes, options);
  await update.descend();
  await update.ascend();
  return update.result();
}

class Update {
  readonly #tree: Tree;
  readonly #changes: TreeChanges;
  readonly #options: TreeUpdateOptions;
  /** By level; the place of level 0 holds the changes. */
  readonly #levels: Level[];
  readonly #damages: PointerDamage[] = [];

  constructor(tree: Tree, changes: TreeChanges, options: TreeUpdateOptions) {
    this.#tree = tree;
    this.#changes = changes;
    this.#options = options;
    this.#levels = buildLevels(tree, changes);
    this.#levels[tree.depth]!.oldScores.set(tree.root);
  }

  /** Notes the old score of every pointer block on the way, from the top. */
  async descend(): Promise<void> {
    for (let number = this.#tree.depth; number >= 2; number--) {
      const level = this.#levels[number]!;
      const below = this.#levels[number - 1]!;
      await this.#forEachOld(number, (node, old) => {
        const end = level.firstChild[node + 1]!;
        for (let child = level.firstChild[node]!; child < end; child++) {
          if (level.states[node] === NodeState.Damaged) {
            below.states[child] = NodeState.Damaged;
          } else if (old !== undefined) {
            const entry = below.positions[child]! % POINTERS_PER_BLOCK;
            below.oldScores.set(scoreAt(old, entry), child * SCORE_LENGTH);
          }
        }
      });
    }
  }

  /** Makes the new pointer blocks, from the bottom. */
  async ascend(): Promise<void> {
    const { writer, hasher, pointers } = this.#options;
    const block = new Uint8Array(BLOCK_SIZE);
    for (let number = 1; number <= this.#tree.depth; number++) {
      const level = this.#levels[number]!;
      const below = this.#levels[number - 1]!;
      await this.#forEachOld(number, (node, old) => {
        const oldScore = scoreAt(level.oldScores, node);
        if (level.states[node] === NodeState.Damaged) {
          level.newScores.set(oldScore, node * SCORE_LENGTH);
          return;
        }
        if (old === undefined) block.fill(0);
        else block.set(old);
        const end = level.firstChild[node + 1]!;
        for (let child = level.firstChild[node]!; child < end; child++) {
          const entry = below.positions[child]! % POINTERS_PER_BLOCK;
          block.set(scoreAt(below.newScores, child), entry * SCORE_LENGTH);
        }
        if (isZero(block)) return;
        hasher.score(number, block, level.newScores, node * SCORE_LENGTH);
        const score = scoreAt(level.newScores, node);
        // One that was not read may be damaged: the writer skips sound ones.
        const read = level.states[node] === NodeState.Change;
        if (read && equalBytes(score, oldScore)) return;
        pointers.remember(number, score, block);
        return writer.add(number, score, block);
      });
    }
  }

  /** The new root, and which changes did not reach it. */
  result(): TreeUpdateResult {
    for (let number = this.#tree.depth; number >= 1; number--) {
      const level = this.#levels[number]!;
      const below = this.#levels[number - 1]!;
      level.states.forEach((state, node) => {
        if (state !== NodeState.Damaged) return;
        below.states.fill(
          NodeState.Damaged,
          level.firstChild[node]!,
          level.firstChild[node + 1]!,
        );
      });
    }
    const { states } = this.#levels[0]!;
    const deferred = this.#changes.blocks.filter((_, index) =>
      states[index] === NodeState.Damaged
    );
    const root = this.#levels[this.#tree.depth]!.newScores.slice();
    return { root, deferred, damages: this.#damages };
  }

  /**
   * Visits every node of a level in order, with its old pointer block where one
   * is to be changed, loaded in batches. Marks the nodes that cannot be read.
   */
  async #forEachOld(
    number: number,
    visit: (node: number, old: Uint8Array | undefined) => unknown,
  ): Promise<void> {
    const level = this.#levels[number]!;
    const count = level.positions.length;
    for (let start = 0; start < count; start += BATCH_COUNT) {
      const end = Math.min(start + BATCH_COUNT, count);
      const olds = await this.#loadOld(number, { start, end });
      for (let node = start; node < end; node++) {
        const pending = visit(node, olds[node - start]);
        if (pending instanceof Promise) await pending;
      }
      await this.#options.yieldNow();
    }
  }

  async #loadOld(
    number: number,
    range: { start: number; end: number },
  ): Promise<(Uint8Array | undefined)[]> {
    const level = this.#levels[number]!;
    const nodes: number[] = [];
    for (let node = range.start; node < range.end; node++) {
      const change = level.states[node] === NodeState.Change;
      if (change && !isNullAt(level.oldScores, node)) nodes.push(node);
    }
    const olds: (Uint8Array | undefined)[] = new Array(range.end - range.start);
    const wanted = new Uint8Array(nodes.length * SCORE_LENGTH);
    nodes.forEach((node, place) =>
      wanted.set(scoreAt(level.oldScores, node), place * SCORE_LENGTH)
    );
    const loaded = await this.#options.pointers.load(number, wanted);
    nodes.forEach((node, place) => {
      const pointer = loaded[place]!;
      if (isPointerBlock(pointer)) {
        olds[node - range.start] = pointer;
        return;
      }
      level.states[node] = NodeState.Damaged;
      const position = level.positions[node]!;
      const score = scoreAt(wanted, place);
      this.#damages.push(
        pointerDamage(pointer, this.#tree, { level: number, position, score }),
      );
    });
    return olds;
  }
}

function buildLevels(tree: Tree, changes: TreeChanges): Level[] {
  const { blocks } = changes;
  const levels: Level[] = [{
    positions: blocks,
    firstChild: new Uint32Array(0),
    states: new Uint8Array(blocks.length),
    oldScores: new Uint8Array(0),
    newScores: changes.scores,
  }];
  /** How many changes lie below each node of the level built last. */
  let changeCounts: Float64Array = new Float64Array(blocks.length).fill(1);
  for (let number = 1; number <= tree.depth; number++) {
    const below = levels[number - 1]!.positions;
    const firstChild = groupStarts(below);
    const count = firstChild.length - 1;
    const positions = new Float64Array(count);
    const counts = new Float64Array(count);
    const states = new Uint8Array(count);
    for (let node = 0; node < count; node++) {
      const first = firstChild[node]!;
      positions[node] = Math.floor(below[first]! / POINTERS_PER_BLOCK);
      for (let child = first; child < firstChild[node + 1]!; child++) {
        counts[node]! += changeCounts[child]!;
      }
      const start = positions[node]! * blocksBelow(number);
      const capacity = Math.min(blocksBelow(number), tree.blockCount - start);
      if (counts[node] === capacity) states[node] = NodeState.Replace;
    }
    levels.push({
      positions,
      firstChild,
      states,
      oldScores: new Uint8Array(count * SCORE_LENGTH),
      newScores: new Uint8Array(count * SCORE_LENGTH),
    });
    changeCounts = counts;
  }
  return levels;
}

/** Where each group of positions with one parent starts, and the end. */
function groupStarts(positions: Float64Array): Uint32Array {
  const starts: number[] = [];
  let parent = -1;
  for (let index = 0; index < positions.length; index++) {
    const next = Math.floor(positions[index]! / POINTERS_PER_BLOCK);
    if (next !== parent) starts.push(index);
    parent = next;
  }
  starts.push(positions.length);
  return Uint32Array.from(starts);
}
