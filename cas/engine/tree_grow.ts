/**
 * More levels for a tree: the old top pointer block becomes the first entry of
 * the new one.
 *
 * @module
 */

import { BLOCK_SIZE } from "../block_pool.ts";
import { type BlockWriter, SCORE_LENGTH } from "../block_store.ts";
import type { Hasher } from "../score.ts";
import { isZero } from "../bytes.ts";
import type { Tree } from "./geometry.ts";

/** Adds levels up to `depth` and gives the new root; a tree of zeros stays null. */
export async function growTree(
  tree: Tree,
  depth: number,
  writer: BlockWriter,
  hasher: Hasher,
): Promise<Uint8Array> {
  let { root } = tree;
  if (isZero(root)) return root;
  for (let level = tree.depth + 1; level <= depth; level++) {
    const block = new Uint8Array(BLOCK_SIZE);
    block.set(root);
    root = new Uint8Array(SCORE_LENGTH);
    hasher.score(level, block, root);
    await writer.add(level, root, block);
  }
  return root;
}
