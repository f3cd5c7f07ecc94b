/**
 * An archive whose packs are of the first version, `DSPACK1`, as it was written
 * when there was no other: the blobs in `first_packs/`.
 */

import { MemorySpace } from "../../blobstores/memory_store.ts";

const FOLDER: URL = new URL("first_packs/", import.meta.url);

/** The archive's blobs, copied. */
export function firstPacks(): MemorySpace {
  const space = new MemorySpace();
  addBlobs(space, "");
  return space;
}

function addBlobs(space: MemorySpace, prefix: string): void {
  for (
    const { name, isDirectory } of Deno.readDirSync(new URL(prefix, FOLDER))
  ) {
    const key = prefix + name;
    if (isDirectory) addBlobs(space, `${key}/`);
    else space.blobs.set(key, Deno.readFileSync(new URL(key, FOLDER)));
  }
}
