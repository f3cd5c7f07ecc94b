/**
 * The frame thread's end of the archive thread: starts it, and ends it with
 * the archive.
 *
 * @module
 */

import type { OpenedArchive } from "../../cas/archive_operations.ts";
import type { BlockPool } from "../../cas/block_pool.ts";
import type { ArchiveEvent, EventSink } from "../../cas/events.ts";
import { connectArchive } from "../../cas/thread/connect_archive.ts";
import { type ArchiveOpening, openArchiveHere } from "./archive_opening.ts";

/** The folder that holds all of the program. */
const PROGRAM: URL = new URL("../..", import.meta.url);

const ONE_THREAD: ArchiveEvent = {
  event: "one-thread",
  severity: "expected",
  message:
    `The archive shares a thread with the network, so replies may wait for it: allow a thread of its own with --allow-read=${PROGRAM.pathname}`,
};

/**
 * Opens an archive on a thread of its own, which ends when it is closed; on
 * this thread where Deno does not allow another, since a thread has to read
 * the program's files again.
 */
export async function openArchiveOnThread(
  opening: ArchiveOpening,
  pool: BlockPool,
  onEvent: EventSink,
): Promise<OpenedArchive> {
  if (!mayReadProgram()) {
    if (!opening.storeUrl.startsWith("memory:")) onEvent(ONE_THREAD);
    return await openArchiveHere(opening, pool, onEvent);
  }
  const worker = new Worker(new URL("./archive_thread.ts", import.meta.url), {
    type: "module",
  });
  const { promise: ended, resolve: end } = Promise.withResolvers<Error>();
  worker.onerror = (event) => {
    // Kept from ending this thread too: the archive's `lost` tells what happened.
    event.preventDefault();
    end(new Error(event.message));
  };
  try {
    const archive = await connectArchive(worker, {
      memory: pool.memory,
      config: opening,
      onEvent,
      ended,
    });
    const close = archive.close.bind(archive);
    archive.close = async (): Promise<void> => {
      await close();
      worker.terminate();
    };
    return archive;
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

/** Looks without asking the user. */
function mayReadProgram(): boolean {
  const { state } = Deno.permissions.querySync({ name: "read", path: PROGRAM });
  return state === "granted";
}
