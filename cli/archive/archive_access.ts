/**
 * How a command reaches an archive: through the server that holds it if one
 * runs, directly otherwise.
 *
 * @module
 */

import type {
  ArchiveOperator,
  OperationName,
  OperationRequest,
  OperationResult,
} from "../../cas/archive_operations.ts";
import type { EventSink } from "../../cas/events.ts";
import type { ArchiveChoice } from "../command.ts";
import type { Output } from "../output/output.ts";
import { callControl, ControlError } from "../serving/control.ts";
import { controlPathOf, newestClaim } from "../state/holder.ts";
import type { ArchiveHere, ChangedArchive } from "./archive_here.ts";
import { openToRead } from "./reading_archive.ts";
import { openLayeredStore } from "./store_opening.ts";
import { openToWrite } from "./writing_archive.ts";

/** Has one change made, as `writeArchive` does. */
export function changeArchive<Name extends OperationName>(
  choice: ChangedArchive,
  name: Name,
  request: OperationRequest<Name>,
  output: Output,
): Promise<OperationResult<Name>> {
  return writeArchive(choice, output, (it) => it.operate(name, request));
}

/** Asks things of an archive, which stays as it is. Without a server it is only read. */
export function readArchive<Result>(
  choice: ArchiveChoice,
  output: Output,
  body: (archive: ArchiveOperator) => Promise<Result>,
): Promise<Result> {
  const open: OpenHere = (first) => openToRead(choice, first, talk(output));
  return withAccess(choice, { open, goesOn: true }, body);
}

/**
 * Has several changes made, and asks things in between: by the server if one
 * runs, else by an archive that stays claimed from the first to the last.
 */
export function writeArchive<Result>(
  choice: ChangedArchive,
  output: Output,
  body: (archive: ArchiveOperator) => Promise<Result>,
): Promise<Result> {
  const open: OpenHere = () => openToWrite(choice, talk(output));
  return withAccess(choice, { open, goesOn: false }, body);
}

/** Opens the archive in this process, to be asked this first. */
type OpenHere = (first: OperationName) => Promise<ArchiveHere>;

interface AccessOptions {
  readonly open: OpenHere;
  /** Whether what a server has begun goes on without it, should it stop. */
  readonly goesOn: boolean;
}

async function withAccess<Result>(
  choice: ChangedArchive,
  options: AccessOptions,
  body: (archive: ArchiveOperator) => Promise<Result>,
): Promise<Result> {
  const access = new Access(await findServer(choice), options);
  try {
    return await body(access);
  } finally {
    await access.close();
  }
}

/** Asks the server; opens the archive when there is none. */
class Access implements ArchiveHere {
  readonly #server: RunningServer | undefined;
  readonly #options: AccessOptions;
  #served = false;
  #here: ArchiveHere | undefined;

  constructor(server: RunningServer | undefined, options: AccessOptions) {
    this.#server = server;
    this.#options = options;
  }

  async operate<Name extends OperationName>(
    name: Name,
    request: OperationRequest<Name>,
  ): Promise<OperationResult<Name>> {
    const { open, goesOn } = this.#options;
    if (this.#here === undefined) {
      const answer = await this.#server?.ask(name, request);
      if (answer !== undefined) {
        this.#served = true;
        return answer.result;
      }
      if (this.#served && !goesOn) {
        throw new ControlError(
          "The server stopped meanwhile: run the same command again, it goes on where it was",
          undefined,
        );
      }
      this.#here = await open(name);
    }
    return await this.#here.operate(name, request);
  }

  async close(): Promise<void> {
    await this.#here?.close();
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

/** A command's result is its output: of events, only bad news is worth a line. */
function talk(output: Output): EventSink {
  return (event) => {
    if (event.severity !== "info") output.event(event);
  };
}
