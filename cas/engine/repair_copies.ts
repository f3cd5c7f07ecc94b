/**
 * The copies that a repair takes from, and what is in them.
 *
 * @module
 */

import { ArchiveError } from "../errors.ts";
import type { EngineContext } from "./context.ts";
import { listVolumeIds } from "./root_store.ts";

/** Sizes by key: here, and in each copy that has it. */
export interface Listing {
  /** Here. */
  readonly here: ReadonlyMap<string, number>;
  /** There. */
  readonly there: ReadonlyMap<string, readonly number[]>;
}

/** Lists the blobs of a prefix everywhere. */
export async function listBoth(
  prefix: string,
  here: EngineContext,
  copies: readonly EngineContext[],
): Promise<Listing> {
  const there = new Map<string, number[]>();
  for (const copy of copies) {
    for (const [key, size] of await list(copy, prefix)) {
      const sizes = there.get(key) ?? [];
      sizes.push(size);
      there.set(key, sizes);
    }
  }
  return { here: await list(here, prefix), there };
}

function list(
  { store, retry }: EngineContext,
  prefix: string,
): Promise<Map<string, number>> {
  return retry.run(`list "${prefix}" in ${store.display}`, async () => {
    const sizes = new Map<string, number>();
    for await (const { key, size } of store.list(prefix)) sizes.set(key, size);
    return sizes;
  });
}

/** Rejects with `NoArchive` where there is none, and with `OtherVolume` where it is another one: a wrong URL is no copy. */
export async function requireCopy(
  here: EngineContext,
  copy: EngineContext,
): Promise<void> {
  const { display } = copy.store;
  const copied = new Set(await listVolumeIds(copy));
  if (copied.size === 0) {
    throw new ArchiveError(
      "NoArchive",
      `There is no copy of an archive in ${display}: check the URL behind --from`,
    );
  }
  const volumeIds = await listVolumeIds(here);
  if (volumeIds.length === 0 || volumeIds.some((id) => copied.has(id))) return;
  throw new ArchiveError(
    "OtherVolume",
    `${display} is no copy of ${here.store.display}: they have no volume in common; check the URL behind --from`,
  );
}
