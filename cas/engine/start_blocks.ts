/**
 * Makes the blocks of an archive findable when it is opened: the index of the
 * local state is a cache, which may be behind, or gone.
 *
 * @module
 */

import { counted } from "../../blobstores/counted.ts";
import type { BlockStore } from "../block_store.ts";
import { ArchiveError } from "../errors.ts";
import type { EngineContext } from "./context.ts";
import type { PublishedRoot } from "./root_blob.ts";
import { readRoot } from "./root_store.ts";

/** A tebibyte has 50,000 packs: a line for each would fill a log. */
const PROGRESS_INTERVAL_MS = 5_000;

/** Brings the index up to these roots. */
export async function startBlocks(
  context: EngineContext,
  blocks: BlockStore,
  heads: readonly PublishedRoot[],
): Promise<void> {
  if (heads.length === 0) return;
  if (blocks.empty) {
    await makeIndex(context, (progress) => blocks.fill(progress));
  }
  for (const head of heads) {
    for (const packs of await unknownPacks(context, blocks, head)) {
      await blocks.addPacks(packs);
    }
  }
}

/** Makes the index anew from the directories of all packs; how many there were. */
export function rebuildBlocks(
  context: EngineContext,
  blocks: BlockStore,
): Promise<{ readonly packCount: number }> {
  return makeIndex(context, (progress) => blocks.rebuild(progress));
}

/** Where and when something is told. */
type Teller = Pick<EngineContext, "onEvent" | "store"> & {
  readonly clock: Pick<EngineContext["clock"], "nowMs">;
};

/** Tells now and then of how many packs the index has been made. */
export function progressTeller(
  { clock, onEvent, store }: Teller,
): (packsDone: number) => void {
  let toldMs = -Infinity;
  return (packsDone) => {
    const nowMs = clock.nowMs();
    if (nowMs - toldMs < PROGRESS_INTERVAL_MS) return;
    toldMs = nowMs;
    onEvent({
      event: "index-rebuild-progress",
      severity: "info",
      message: `Indexed ${counted(packsDone, "pack")} of ${store.display}`,
      packsDone,
      store: store.display,
    });
  };
}

/** Makes the index anew, and tells how far it is; how many packs there were. */
export async function makeIndex(
  context: Teller,
  make: (progress: (packsDone: number) => void) => Promise<unknown>,
): Promise<{ readonly packCount: number }> {
  const { onEvent, store } = context;
  const details = { store: store.display };
  onEvent({
    event: "index-rebuild",
    severity: "info",
    message: `Making the index anew from the packs in ${store.display}`,
    ...details,
  });
  let packCount = 0;
  const tell = progressTeller(context);
  await make((packsDone) => {
    packCount = packsDone;
    tell(packsDone);
  });
  onEvent({
    event: "index-rebuild-done",
    severity: "info",
    message: `The index is complete: ${
      counted(packCount, "pack")
    } of ${store.display}`,
    packCount,
    ...details,
  });
  return { packCount };
}

/**
 * The packs that the index does not know, one list for each root of the chain,
 * oldest root first: an index cut off in between must still know all packs
 * before the newest that it knows. The walk ends at the first root all of whose
 * packs are known. A root that is damaged ends it too; what lies behind is
 * found by the search for packs when a block of it is missed.
 */
async function unknownPacks(
  context: EngineContext,
  blocks: BlockStore,
  head: PublishedRoot,
): Promise<string[][]> {
  const found: string[][] = [];
  let root = head;
  for (;;) {
    const unknown = root.packs.filter((name) => !blocks.knowsPack(name));
    if (unknown.length > 0) found.push(unknown);
    else if (root.packs.length > 0) break;
    const { volumeId, previous } = root.record;
    if (previous === undefined) break;
    try {
      root = await readRoot(context, volumeId, previous.sequence);
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      context.onEvent({
        event: "root-damaged",
        severity: "corrupt",
        message: error.message,
        volumeId,
      });
      break;
    }
  }
  return found.reverse();
}
