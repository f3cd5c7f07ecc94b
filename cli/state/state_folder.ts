/**
 * The state folder: everything a server keeps on the local disk.
 *
 * ```
 * state.json     whose folder this is: state id, archive id
 * lock           held while a server uses the folder
 * journal/       acknowledged writes not yet in the archive: NOT a cache
 * journal.*      a journal that was salvaged, and the damaged one: salvage_folder.ts
 * index/         where each score is stored: a cache
 * cache/         packs of a remote store: a cache
 * heads.json     newest roots seen: a cache
 * scrub.json     where a scrub stands, and what the last one found: a cache
 * targets.json   config strings, masks and reservations that initiators set
 * scratch/       changes of throw-away clones, while a server runs
 * control.sock   how commands reach the server
 * ```
 *
 * @module
 */

import { shownUrl } from "../../blobstores/shown_url.ts";
import {
  BATCH_ALIGNMENT,
  parseSegmentName,
  stateIdOfSegment,
} from "../../cas/front/journal_format.ts";
import { finishSalvage } from "./salvage_folder.ts";
import { Refusal } from "../refusal.ts";
import { UsageError } from "../usage_error.ts";

/** An open state folder, held by this process alone. */
export interface StateFolder {
  /** Absolute path. */
  readonly path: string;
  /** Random id of this folder, 32 hexadecimal digits: the writer's id in roots. */
  readonly stateId: string;
  /** Folder of the journal. */
  readonly journalPath: string;
  /** Folder of the index. */
  readonly indexPath: string;
  /** File of the newest roots seen. */
  readonly headsPath: string;
  /** Folder of the cache of packs; made when there is one. */
  readonly cachePath: string;
  /** File of where scrubs stand. */
  readonly scrubPath: string;
  /** File of what initiators left behind in targets. */
  readonly targetsPath: string;
  /** Folder of the changes of throw-away clones. */
  readonly scratchPath: string;
  /** Binds the folder to an archive; throws a `UsageError` if it belongs to another. */
  bind(archiveId: string): void;
  /** Lets go of it. */
  close(): void;
}

/** Another process uses the state folder. */
export class StateFolderBusyError extends Refusal {
  /** The folder. */
  readonly path: string;

  /** Names the folder and what to do. */
  constructor(path: string) {
    super(
      "Busy",
      `The state folder ${path} is in use by another process: stop that server, or wait for that command, first`,
    );
    this.name = "StateFolderBusyError";
    this.path = path;
  }
}

interface StateFile {
  stateId: string;
  archiveId?: string;
}

/**
 * The state folder for a store's URL: `--state` where given, `local/` inside a
 * `file:` store, none for `memory:`. Other stores need `--state`.
 */
export function stateFolderPath(
  storePath: string | undefined,
  storeUrl: string,
  state: string | undefined,
): string | undefined {
  if (state !== undefined) return absolute(state);
  if (storePath !== undefined) return `${storePath}/local`;
  if (storeUrl.startsWith("memory:")) return undefined;
  throw new UsageError(
    `The store ${
      shownUrl(storeUrl)
    } is not a folder, so the journal needs a place of its own: add --state DIR`,
  );
}

/** The file of the newest roots seen, in the state folder at `path`. */
export function headsPathIn(path: string): string {
  return `${path}/heads.json`;
}

/**
 * Opens the folder, making it if it is missing. Throws a
 * `StateFolderBusyError` when another process uses it, and a `UsageError` when
 * what is there is no state folder.
 */
export function openStateFolder(
  path: string,
  randomBytes: (length: number) => Uint8Array,
): StateFolder {
  Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
  const lock = Deno.openSync(`${path}/lock`, { write: true, create: true });
  if (!lock.tryLockSync(true)) {
    lock.close();
    throw new StateFolderBusyError(path);
  }
  try {
    finishSalvage(path);
    const journalPath = `${path}/journal`;
    const indexPath = `${path}/index`;
    const scratchPath = `${path}/scratch`;
    Deno.mkdirSync(journalPath, { recursive: true });
    Deno.mkdirSync(indexPath, { recursive: true });
    Deno.mkdirSync(scratchPath, { recursive: true });
    const file = readStateFile(path) ?? {
      stateId: stateIdOfJournal(journalPath) ?? randomBytes(16).toHex(),
    };
    writeStateFile(path, file);
    return {
      path,
      stateId: file.stateId,
      journalPath,
      indexPath,
      headsPath: headsPathIn(path),
      scrubPath: `${path}/scrub.json`,
      cachePath: `${path}/cache`,
      targetsPath: `${path}/targets.json`,
      scratchPath,
      bind(archiveId: string): void {
        if (file.archiveId === archiveId) return;
        if (file.archiveId !== undefined) {
          throw new UsageError(
            `The state folder ${path} belongs to archive ${file.archiveId}, not to ${archiveId}: give this archive another --state, or move that folder away if its journal is not needed`,
          );
        }
        file.archiveId = archiveId;
        writeStateFile(path, file);
      },
      close(): void {
        lock.close();
      },
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** The id of the folder at `path`; undefined when it is no state folder. Throws a `UsageError` when it is damaged. */
export function stateIdOf(path: string): string | undefined {
  return readStateFile(absolute(path))?.stateId;
}

/**
 * Whose the journal is: a folder that has lost its state.json must still replay
 * it. Undefined where there is no journal.
 */
function stateIdOfJournal(journalPath: string): string | undefined {
  const names = [...Deno.readDirSync(journalPath)]
    .map(({ name }) => name)
    .filter((name) => parseSegmentName(name) !== undefined)
    .sort();
  const newest = names.at(-1);
  if (newest === undefined) return undefined;
  using file = Deno.openSync(`${journalPath}/${newest}`);
  const bytes = new Uint8Array(BATCH_ALIGNMENT);
  const count = file.readSync(bytes) ?? 0;
  return stateIdOfSegment(bytes.subarray(0, count));
}

function readStateFile(path: string): StateFile | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(`${path}/state.json`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const file = parseStateFile(text);
  if (file === undefined) {
    throw new UsageError(
      `Cannot use ${path}/state.json: it has no state id; restore it, or move the whole folder away if its journal is empty`,
    );
  }
  return file;
}

function parseStateFile(text: string): StateFile | undefined {
  try {
    const file = JSON.parse(text) as Partial<StateFile>;
    return /^[0-9a-f]{32}$/.test(file.stateId ?? "")
      ? file as StateFile
      : undefined;
  } catch {
    return undefined;
  }
}

/** Replaces the file so that after a power cut the old or the new one is there. */
function writeStateFile(path: string, file: StateFile): void {
  const temporary = `${path}/state.json.new`;
  const handle = Deno.openSync(temporary, {
    write: true,
    create: true,
    truncate: true,
  });
  try {
    handle.writeSync(
      new TextEncoder().encode(`${JSON.stringify(file, null, 2)}\n`),
    );
    handle.syncSync();
  } finally {
    handle.close();
  }
  Deno.renameSync(temporary, `${path}/state.json`);
  const folder = Deno.openSync(path);
  try {
    folder.syncSync();
  } finally {
    folder.close();
  }
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}
