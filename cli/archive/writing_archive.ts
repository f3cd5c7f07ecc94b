/**
 * An archive that a command changes, without a server: claimed for it, and the
 * journal of a server that ended is brought into it first.
 *
 * @module
 */

import type {
  OperationName,
  OperationRequest,
  OperationResult,
} from "../../cas/archive_operations.ts";
import { ArchiveError, archiveErrorCode } from "../../cas/errors.ts";
import type { EventSink } from "../../cas/events.ts";
import { performOperation } from "../serving/operation.ts";
import {
  openServingArchive,
  type ServingArchive,
} from "../serving/serving_archive.ts";
import type { ArchiveHere, ChangedArchive } from "./archive_here.ts";
import { openArchiveHere } from "./archive_opening.ts";

/** Opens an archive to change it. */
export async function openToWrite(
  choice: ChangedArchive,
  onEvent: EventSink,
): Promise<ArchiveHere> {
  const reopen = (): Promise<ServingArchive> => open(choice, onEvent);
  return new WritingArchive(await reopen(), reopen);
}

class WritingArchive implements ArchiveHere {
  readonly #reopen: () => Promise<ServingArchive>;
  #archive: ServingArchive | undefined;

  constructor(archive: ServingArchive, reopen: () => Promise<ServingArchive>) {
    this.#archive = archive;
    this.#reopen = reopen;
  }

  async operate<Name extends OperationName>(
    name: Name,
    request: OperationRequest<Name>,
  ): Promise<OperationResult<Name>> {
    this.#archive ??= await this.#reopen();
    try {
      return await performOperation(this.#archive, name, request);
    } catch (error) {
      if (archiveErrorCode(error) !== "InUse") throw error;
    }
    // Writes of the journal kept the volume open: closing brings them into the archive.
    await this.close();
    this.#archive = await this.#reopen();
    try {
      return await performOperation(this.#archive, name, request);
    } catch (error) {
      if (archiveErrorCode(error) !== "InUse") throw error;
      throw new ArchiveError(
        "InUse",
        `Cannot carry out ${name}: the journal has writes to this volume that cannot be brought into the archive now; start the server, and see what it says about them`,
        { cause: error },
      );
    }
  }

  async close(): Promise<void> {
    const archive = this.#archive;
    this.#archive = undefined;
    await archive?.close();
  }
}

function open(
  { store: storeUrl, create = false, ...rest }: ChangedArchive,
  onEvent: EventSink,
): Promise<ServingArchive> {
  return openServingArchive({
    storeUrl,
    ...rest,
    create,
    openPort: openArchiveHere,
    access: "write",
    onEvent,
  });
}
