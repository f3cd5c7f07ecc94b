/**
 * An archive that a command only reads, without a server.
 *
 * @module
 */

import { parseFileUrl } from "../../blobstores/file_url.ts";
import type { OperationName } from "../../cas/archive_operations.ts";
import { BlockPool } from "../../cas/block_pool.ts";
import type { EventSink } from "../../cas/events.ts";
import type { ArchiveChoice } from "../command.ts";
import { thisHolder } from "../state/holder.ts";
import {
  headsPathIn,
  openStateFolder,
  type StateFolder,
  StateFolderBusyError,
  stateIdOf,
} from "../state/state_folder.ts";
import type { ArchiveHere } from "./archive_here.ts";
import { openArchiveHere } from "./archive_opening.ts";
import { randomBytes } from "./random_bytes.ts";

/** Reads of roots and names alone: they need no index, and so no state folder of their own. */
const ROOTS_ONLY: readonly OperationName[] = [
  "volume list",
  "snapshot list",
  "history",
];

/** The id of a reader that leaves nothing behind. */
const NO_STATE_ID = "0".repeat(32);

/** Opens an archive to read it; `first` is what it is asked first. */
export async function openToRead(
  choice: ArchiveChoice,
  first: OperationName,
  onEvent: EventSink,
): Promise<ArchiveHere> {
  const path = statePathOf(choice);
  const state = path === undefined || ROOTS_ONLY.includes(first)
    ? undefined
    : openIfFree(path);
  try {
    const archive = await openWithState(choice, { path, state }, onEvent);
    return {
      operate: (name, request) => archive.operate(name, request),
      async close(): Promise<void> {
        await archive.close();
        state?.close();
      },
    };
  } catch (error) {
    state?.close();
    throw error;
  }
}

async function openWithState(
  { store: storeUrl, plugins, storeSettings }: ArchiveChoice,
  { path, state }: {
    readonly path: string | undefined;
    readonly state: StateFolder | undefined;
  },
  onEvent: EventSink,
): ReturnType<typeof openArchiveHere> {
  const archive = await openArchiveHere(
    {
      storeUrl,
      ...(plugins === undefined ? {} : { plugins }),
      ...(storeSettings === undefined ? {} : { storeSettings }),
      create: false,
      access: "read",
      stateId: NO_STATE_ID,
      holder: thisHolder(undefined),
      // An older root must not pass for the present state, here either.
      ...(path === undefined ? {} : { headsPath: headsPathIn(path) }),
      ...(state === undefined ? {} : {
        indexPath: state.indexPath,
        scrubPath: state.scrubPath,
        cachePath: state.cachePath,
      }),
    },
    BlockPool.allocate(1),
    onEvent,
  );
  try {
    // Before the index is opened, which would be made anew for this archive.
    state?.bind(archive.archiveId);
    return archive;
  } catch (error) {
    await archive.close();
    throw error;
  }
}

/** The path of the archive's state folder, where there is one. */
function statePathOf({ store, state }: ArchiveChoice): string | undefined {
  const path = state ??
    (/^file:/i.test(store)
      ? `${parseFileUrl(store, () => Deno.cwd())}/local`
      : undefined);
  return path === undefined || stateIdOf(path) === undefined ? undefined : path;
}

/** The state folder, for its index; undefined where somebody uses it. */
function openIfFree(path: string): StateFolder | undefined {
  try {
    return openStateFolder(path, randomBytes);
  } catch (error) {
    if (error instanceof StateFolderBusyError) return undefined;
    throw error;
  }
}
