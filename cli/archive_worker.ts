/**
 * The frame thread's end of the archive thread: starts it, and ends it with
 * the archive.
 *
 * @module
 */

import type { ArchivePort } from "../cas/archive_port.ts";
import type { BlockPool } from "../cas/block_pool.ts";
import type { EventSink } from "../cas/events.ts";
import { connectArchive } from "../cas/thread/connect_archive.ts";
import type { ArchiveOpening } from "./archive_opening.ts";

/** Opens an archive on a thread of its own, which ends when it is closed. */
export async function openArchiveOnThread(
  opening: ArchiveOpening,
  pool: BlockPool,
  onEvent: EventSink,
): Promise<ArchivePort> {
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
