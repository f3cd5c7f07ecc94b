/**
 * The packs that the store lists, whatever the index knows.
 *
 * @module
 */

import type { BlockStore } from "../block_store.ts";
import { packKey, packNameOf, PACKS_PREFIX } from "../packs/pack_files.ts";
import type { EngineContext } from "./context.ts";
import { rebuildBlocks } from "./start_blocks.ts";

/** Sizes of all packs in the store, by name. */
async function listPacks(
  { store, retry }: EngineContext,
): Promise<Map<string, number>> {
  return await retry.run(`list packs in ${store.display}`, async () => {
    const packs = new Map<string, number>();
    for await (const { key, size } of store.list(PACKS_PREFIX)) {
      const name = packNameOf(key);
      if (name !== undefined) packs.set(name, size);
    }
    return packs;
  });
}

/** Makes those findable that the index does not know; all packs, by name. */
export async function addUnknownPacks(
  context: EngineContext,
  blocks: BlockStore,
): Promise<Map<string, number>> {
  const packs = await listPacks(context);
  const unknown = [...packs.keys()].filter((it) => !blocks.knowsPack(it));
  if (unknown.length > 0) await blocks.addPacks(unknown);
  return packs;
}

/**
 * Makes an index anew that names packs which the store has no more, since it was
 * put back to what it was before: their blocks would not be stored again.
 */
export async function requireKnownPacks(
  context: EngineContext,
  blocks: BlockStore,
): Promise<void> {
  const gone = await gonePacks(context, blocks, await listPacks(context));
  if (gone.length > 0) await rebuildBlocks(context, blocks);
}

/** As `requireKnownPacks` beside reads, which cannot wait for a new index: the packs are not relied on. */
export async function forsakeGonePacks(
  context: EngineContext,
  blocks: BlockStore,
  packs: ReadonlyMap<string, number>,
): Promise<void> {
  blocks.forsakePacks(await gonePacks(context, blocks, packs));
}

/** The same, whatever was listed before. */
export async function forsakeMissingPacks(
  context: EngineContext,
  blocks: BlockStore,
): Promise<void> {
  await forsakeGonePacks(context, blocks, await listPacks(context));
}

/** The packs that the index names and the store has not, those that are listed put aside. */
async function gonePacks(
  { store, retry, onEvent }: EngineContext,
  blocks: BlockStore,
  listed: ReadonlyMap<string, number>,
): Promise<string[]> {
  const gone: string[] = [];
  for (const name of [...blocks.knownPacks()]) {
    if (listed.has(name)) continue;
    const key = packKey(name);
    // It may have come since, or the listing may be behind.
    const found = await retry.run(
      `look for "${key}" in ${store.display}`,
      () => store.head(key),
    );
    if (found === null) gone.push(name);
  }
  const [first] = gone;
  if (first !== undefined) {
    onEvent({
      event: "index-ahead",
      severity: "strange",
      message:
        `The index names packs that are not in ${store.display}, ${gone.length} of them, as ${first}: their blocks are stored again when they are written`,
      pack: first,
      packCount: gone.length,
    });
  }
  return gone;
}
