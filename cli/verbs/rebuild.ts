/**
 * What `rebuild` does and says.
 *
 * @module
 */

import { parseFileUrl } from "../../blobstores/file_url.ts";
import { BlockPool } from "../../cas/block_pool.ts";
import { openArchiveHere } from "../archive/archive_opening.ts";
import type { ArchiveChoice } from "../command.ts";
import { thisHolder } from "../state/holder.ts";
import { counted } from "../../blobstores/counted.ts";
import type { Output } from "../output/output.ts";
import { randomBytes } from "../archive/random_bytes.ts";
import { openStateFolder, stateFolderPath } from "../state/state_folder.ts";
import { UsageError } from "../usage_error.ts";

/** Makes the index of a state folder anew, and forgets where scrubs stood. */
export async function rebuildState(
  { store: storeUrl, state, ...choice }: ArchiveChoice,
  output: Output,
): Promise<void> {
  const storePath = /^file:/i.test(storeUrl)
    ? parseFileUrl(storeUrl, () => Deno.cwd())
    : undefined;
  const path = stateFolderPath(storePath, storeUrl, state);
  if (path === undefined) {
    throw new UsageError("An archive in memory keeps no index: name a store");
  }
  const folder = openStateFolder(path, randomBytes);
  try {
    // Not the heads: that a newest root was lost must not be forgotten by the way.
    await removeIfPresent(folder.scrubPath);
    const archive = await openArchiveHere(
      {
        storeUrl,
        ...choice,
        create: false,
        access: "read",
        stateId: folder.stateId,
        holder: thisHolder(undefined),
        indexPath: folder.indexPath,
      },
      BlockPool.allocate(1),
      (event) => output.event(event),
    );
    try {
      folder.bind(archive.archiveId);
      const { packCount } = await archive.operate("rebuild", {});
      output.line(
        `The index in ${folder.indexPath} has ${counted(packCount, "pack")}`,
      );
      output.result({ indexPath: folder.indexPath, packCount });
    } finally {
      await archive.close();
    }
  } finally {
    folder.close();
  }
}

async function removeIfPresent(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
