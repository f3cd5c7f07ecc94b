/**
 * Opens the packs of an archive.
 *
 * @module
 */

import type { BlockStore } from "../block_store.ts";
import { PackStore } from "./pack_store.ts";
import type { PackOptions } from "./pack_options.ts";

/** All blocks of an archive, over a blob store and an index. */
export function openPacks(options: PackOptions): BlockStore {
  return new PackStore(options);
}
