/**
 * The packs that the store lists, whatever the index knows.
 *
 * @module
 */

import type { BlockStore } from "../block_store.ts";
import { packNameOf, PACKS_PREFIX } from "../packs/pack_files.ts";
import type { EngineContext } from "./context.ts";

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
