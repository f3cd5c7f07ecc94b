/** Copies of what a store in memory holds. */

import { MemorySpace } from "../../blobstores/memory_store.ts";

/** The same blobs in a space of their own. Bodies are shared: replace them, do not write into them. */
export function copySpace(space: MemorySpace): MemorySpace {
  const copy = new MemorySpace();
  for (const [key, body] of space.blobs) copy.blobs.set(key, body);
  return copy;
}
