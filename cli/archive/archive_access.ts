/**
 * How a command reaches an archive: through the server that holds it if one
 * runs, directly otherwise.
 *
 * @module
 */

import { parseFileUrl } from "../../blobstores/file_url.ts";
import type {
  ArchiveOperator,
  OpenedArchive,
  OperationName,
  OperationRequest,
  OperationResult,
} from "../../cas/archive_operations.ts";
import { BlockPool } from "../../cas/block_pool.ts";
import { ArchiveError, archiveErrorCode } from "../../cas/errors.ts";
import type { EventSink } from "../../cas/events.ts";
import { openArchiveHere } from "./archive_opening.ts";
import type { ArchiveChoice } from "../command.ts";
import { callControl } from "../serving/control.ts";
import { controlPathOf, newestClaim, thisHolder } from "../state/holder.ts";
import { performOperation } from "../serving/operation.ts";
import type { Output } from "../output/output.ts";
import { randomBytes } from "./random_bytes.ts";
import {
  openServingArchive,
  type ServingArchive,
} from "../serving/serving_archive.ts";
import {
  openStateFolder,
  type StateFolder,
  StateFolderBusyError,
  stateIdOf,
} from "../state/state_folder.ts";
import { UsageError } from "../usage_error.ts";
import { openLayeredStore } from "./store_opening.ts";

/** Reads of roots and names alone: they need no index, and so no state folder. */
const ROOTS_ONLY: readonly OperationName[] = [
  "volume list",
  "snapshot list",
  "history",
];

/** The id of a reader that leaves nothing behind. */
const NO_STATE_ID = "0".repeat(32);

/** Which archive to change. */
export interface ChangedArchive extends ArchiveChoice {
  /** Make it if it is missing. */
  readonly create?: boolean;
}

/**
 * Has one change made. Without a server the archive is claimed for it, and the
 * journal of a server that ended is brought into the archive first.
 */
export async function changeArchive<Name extends OperationName>(
  choice: ChangedArchive,
  name: Name,
  request: OperationRequest<Name>,
  output: Output,
): Promise<OperationResult<Name>> {
  const server = await findServer(choice);
  const answer = await server?.ask(name, request);
  if (answer !== undefined) return answer.result;
  try {
    return await changeHere(choice, name, request, output);
  } catch (error) {
    if (archiveErrorCode(error) !== "InUse") throw error;
  }
  // Writes of the journal kept the volume open: now they are in the archive.
  try {
    return await changeHere(choice, name, request, output);
  } catch (error) {
    if (archiveErrorCode(error) !== "InUse") throw error;
    throw new ArchiveError(
      "InUse",
      `Cannot carry out ${name}: the journal has writes to this volume that cannot be brought into the archive now; start the server, and see what it says about them`,
      { cause: error },
    );
  }
}

/** Asks things of an archive, which stays as it is. Without a server it is only read. */
export async function readArchive<Result>(
  choice: ArchiveChoice,
  output: Output,
  body: (archive: ArchiveOperator) => Promise<Result>,
): Promise<Result> {
  const server = await findServer(choice);
  const opened = new Reading(choice, server, talk(output));
  try {
    return await body(opened);
  } finally {
    await opened.close();
  }
}

/**
 * Has several changes made, and asks things in between: by the server if one
 * runs, else by an archive that stays claimed from the first to the last.
 */
export async function writeArchive<Result>(
  choice: ChangedArchive,
  output: Output,
  body: (archive: ArchiveOperator) => Promise<Result>,
): Promise<Result> {
  const server = await findServer(choice);
  const opened = new Writing(choice, server, talk(output));
  try {
    return await body(opened);
  } finally {
    await opened.close();
  }
}

interface RunningServer {
  /** Undefined when the server has gone. */
  ask<Name extends OperationName>(
    name: Name,
    request: OperationRequest<Name>,
  ): Promise<{ readonly result: OperationResult<Name> } | undefined>;
}

/** The server that holds the archive, if it is on this machine. */
async function findServer(
  { create = false, ...choice }: ChangedArchive,
): Promise<RunningServer | undefined> {
  const store = await openLayeredStore(choice, {
    create,
    readOnly: true,
    forArchive: true,
  });
  try {
    const path = controlPathOf(await newestClaim(store));
    if (path === undefined) return undefined;
    return { ask: (name, request) => ask(path, name, request) };
  } finally {
    await store.close();
  }
}

async function ask<Name extends OperationName>(
  path: string,
  name: Name,
  request: OperationRequest<Name>,
): Promise<{ readonly result: OperationResult<Name> } | undefined> {
  const answer = await callControl(path, { verb: name, ...request });
  return answer as { result: OperationResult<Name> } | undefined;
}

function openToWrite(
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

async function changeHere<Name extends OperationName>(
  choice: ChangedArchive,
  name: Name,
  request: OperationRequest<Name>,
  output: Output,
): Promise<OperationResult<Name>> {
  const archive = await openToWrite(choice, talk(output));
  try {
    return await performOperation(archive, name, request);
  } finally {
    await archive.close();
  }
}

/** Has the server make changes; opens the archive when there is none. */
class Writing implements ArchiveOperator {
  readonly #choice: ChangedArchive;
  readonly #server: RunningServer | undefined;
  readonly #onEvent: EventSink;
  #served = false;
  #archive: ServingArchive | undefined;

  constructor(
    choice: ChangedArchive,
    server: RunningServer | undefined,
    onEvent: EventSink,
  ) {
    this.#choice = choice;
    this.#server = server;
    this.#onEvent = onEvent;
  }

  async operate<Name extends OperationName>(
    name: Name,
    request: OperationRequest<Name>,
  ): Promise<OperationResult<Name>> {
    if (this.#archive === undefined) {
      const answer = await this.#server?.ask(name, request);
      if (answer !== undefined) {
        this.#served = true;
        return answer.result;
      }
      if (this.#served) {
        throw new UsageError(
          "The server stopped meanwhile: run the same command again, it goes on where it was",
        );
      }
      this.#archive = await openToWrite(this.#choice, this.#onEvent);
    }
    try {
      return await performOperation(this.#archive, name, request);
    } catch (error) {
      if (archiveErrorCode(error) !== "InUse") throw error;
    }
    // Writes of the journal kept the volume open: closing brings them into the archive.
    await this.close();
    this.#archive = await openToWrite(this.#choice, this.#onEvent);
    return await performOperation(this.#archive, name, request);
  }

  async close(): Promise<void> {
    const archive = this.#archive;
    this.#archive = undefined;
    await archive?.close();
  }
}

/** Asks the server; opens the archive when there is none. */
class Reading implements ArchiveOperator {
  readonly #choice: ArchiveChoice;
  readonly #server: RunningServer | undefined;
  readonly #onEvent: EventSink;
  #state: StateFolder | undefined;
  #archive: OpenedArchive | undefined;

  constructor(
    choice: ArchiveChoice,
    server: RunningServer | undefined,
    onEvent: EventSink,
  ) {
    this.#choice = choice;
    this.#server = server;
    this.#onEvent = onEvent;
  }

  async operate<Name extends OperationName>(
    name: Name,
    request: OperationRequest<Name>,
  ): Promise<OperationResult<Name>> {
    if (this.#archive === undefined) {
      const answer = await this.#server?.ask(name, request);
      if (answer !== undefined) return answer.result;
    }
    this.#archive ??= await this.#open(ROOTS_ONLY.includes(name));
    return await this.#archive.operate(name, request);
  }

  async close(): Promise<void> {
    await this.#archive?.close();
    this.#state?.close();
  }

  async #open(rootsOnly: boolean): Promise<OpenedArchive> {
    const { store: storeUrl, plugins, storeSettings } = this.#choice;
    if (!rootsOnly) this.#state = openExistingState(this.#choice);
    const archive = await openArchiveHere(
      {
        storeUrl,
        ...(plugins === undefined ? {} : { plugins }),
        ...(storeSettings === undefined ? {} : { storeSettings }),
        create: false,
        access: "read",
        stateId: NO_STATE_ID,
        holder: thisHolder(undefined),
        ...(this.#state === undefined ? {} : {
          indexPath: this.#state.indexPath,
          scrubPath: this.#state.scrubPath,
          cachePath: this.#state.cachePath,
        }),
      },
      BlockPool.allocate(1),
      this.#onEvent,
    );
    try {
      // Before the index is opened, which would be made anew for this archive.
      this.#state?.bind(archive.archiveId);
      return archive;
    } catch (error) {
      await archive.close();
      throw error;
    }
  }
}

/** The state folder for its index, where there is one that nobody uses. */
function openExistingState(
  { store, state }: ArchiveChoice,
): StateFolder | undefined {
  const path = state ??
    (/^file:/i.test(store)
      ? `${parseFileUrl(store, () => Deno.cwd())}/local`
      : undefined);
  if (path === undefined || stateIdOf(path) === undefined) return undefined;
  try {
    return openStateFolder(path, randomBytes);
  } catch (error) {
    if (error instanceof StateFolderBusyError) return undefined;
    throw error;
  }
}

/** A command's result is its output: of events, only bad news is worth a line. */
function talk(output: Output): EventSink {
  return (event) => {
    if (event.severity !== "info") output.event(event);
  };
}
