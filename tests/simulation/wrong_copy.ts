/**
 * Copies of the index in the store go wrong, are lost, and lie. They are caches:
 * nobody may notice, so none of this counts as damage.
 */

import {
  type CopySection,
  decodeCopy,
} from "../../cas/packs/index_copy_format.ts";
import { createWasmHasher } from "../../cas/score.ts";
import { crash } from "./hazards.ts";
import type { Run } from "./run.ts";

const BLOCK_LENGTH = 22;
const KEY_LENGTH = 20;
/** Clients often write blocks of one of these numbers. */
const STAMP_COUNT = 6;

const hasher = await createWasmHasher();

/** Does something to one of the copies; then a server often starts with nothing else. */
export async function wrongCopy(run: Run): Promise<void> {
  const { world, space } = run;
  const { blobs } = space;
  const keys = [...blobs.keys()].filter((key) => key.startsWith("index/"));
  if (keys.length === 0) return;
  const key = world.oneOf(keys.sort()) as string;
  const bytes = blobs.get(key)!.slice();
  const kind = world.below(4);
  if (kind === 0) {
    world.note(`lost: ${key}`);
    blobs.delete(key);
  } else if (kind === 1) {
    world.note(`rot: ${key}`);
    const at = world.below(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << world.below(8));
    blobs.set(key, bytes);
  } else if (lie(run, key, bytes)) {
    const other = `index/${hasher.hash(bytes).toHex()}`;
    world.note(`${key} lies: ${other}`);
    blobs.delete(key);
    blobs.set(other, bytes);
  }
  if (world.chance(0.6)) await crash(run, true);
}

/** Names a block that a client may write in place of one that is there. */
function lie({ world }: Run, key: string, bytes: Uint8Array): boolean {
  const packs = decodeCopy(key.slice(key.indexOf("/") + 1), bytes, hasher.hash);
  if (typeof packs === "string") return false;
  const { start, count } = world.oneOf(packs) as CopySection;
  const block = new Uint8Array(4096);
  new Uint32Array(block.buffer).fill(1 + world.below(STAMP_COUNT));
  const score = new Uint8Array(32);
  hasher.score(0, block, score);
  const at = start + world.below(count) * BLOCK_LENGTH;
  bytes.set(score.subarray(0, KEY_LENGTH), at);
  return true;
}
