/**
 * What a web server has, told in one of two ways, because the protocol has
 * none: a file `LISTING` beside the blobs, or the server's own index of each
 * folder as JSON (nginx's `autoindex_format json`, Caddy's `browse`).
 *
 * @module
 */

import { firstPart, isReserved } from "./file_layout.ts";
import { compareKeys, keyFault } from "./operation.ts";
import { RemoteFailure } from "./remote_failure.ts";
import type { RemoteObject } from "./remote_store.ts";

/** The file that lists all blobs: no key has upper case. */
export const LISTING_NAME = "LISTING";

const LINE = /^(\d{1,15}) (.+)$/;

/** Reads a folder's index; `folder` is empty or ends with "/". */
export type ReadIndex = (folder: string) => Promise<Uint8Array>;

/**
 * The blobs in a `LISTING`, ascending: a line for each file, its length in
 * bytes, a space and its path. Throws a `RemoteFailure` of code `Corrupt`.
 */
export function parseListing(bytes: Uint8Array): RemoteObject[] {
  const blobs: RemoteObject[] = [];
  const lines = new TextDecoder().decode(bytes).split("\n");
  for (const [index, line] of lines.entries()) {
    if (line === "") continue;
    const match = LINE.exec(line);
    if (match === null) {
      throw corrupt(
        `line ${index + 1} of its ${LISTING_NAME} is not a length, a space ` +
          `and a path`,
      );
    }
    const name = match[2]!;
    if (isBlob(name)) blobs.push({ name, size: Number(match[1]) });
  }
  return blobs.sort((left, right) => compareKeys(left.name, right.name));
}

/** An entry of a folder. */
interface IndexEntry {
  /** Its name; a folder's ends with "/". */
  readonly name: string;
  /** A file's length in bytes. */
  readonly size: number;
}

/** True for an index as JSON: a list. */
export function isIndex(bytes: Uint8Array): boolean {
  return Array.isArray(parseJson(bytes));
}

/** Walks the folders that have blobs with this prefix behind this key, ascending. */
export async function* walkIndex(
  read: ReadIndex,
  wanted: { readonly prefix: string; readonly startAfter: string },
  folder: string = wanted.prefix.slice(0, wanted.prefix.lastIndexOf("/") + 1),
): AsyncGenerator<readonly RemoteObject[], void, undefined> {
  const { prefix, startAfter } = wanted;
  let files: RemoteObject[] = [];
  for (const entry of parseIndex(await read(folder), folder)) {
    const name = folder + entry.name;
    if (!name.startsWith(prefix) && !prefix.startsWith(name)) continue;
    if (!name.endsWith("/")) {
      if (isBlob(name)) files.push({ name, size: entry.size });
      continue;
    }
    const isBefore = name < startAfter && !startAfter.startsWith(name);
    if (isBefore || !isBlob(`${name}a`)) continue;
    yield files;
    files = [];
    yield* walkIndex(read, wanted, name);
  }
  yield files;
}

/** Ascending as the keys below them are. Throws a `RemoteFailure`. */
function parseIndex(bytes: Uint8Array, folder: string): IndexEntry[] {
  const index = parseJson(bytes);
  if (!Array.isArray(index)) {
    throw corrupt(`its index of "${folder}" is no JSON list`);
  }
  return index.map((entry) => parseEntry(entry, folder))
    .sort((left, right) => compareKeys(left.name, right.name));
}

/** nginx: `{name, type, size}`. Caddy: `{name, is_dir, size}`, and "name/". */
function parseEntry(entry: unknown, folder: string): IndexEntry {
  const { name, type, size, is_dir: isFolder } = Object(entry);
  if (typeof name === "string") {
    if (type === "directory" || isFolder === true) {
      return { name: name.replace(/\/?$/, "/"), size: 0 };
    }
    if (Number.isSafeInteger(size)) return { name, size };
  }
  throw corrupt(`its index of "${folder}" has an entry without name or size`);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** Leaves out what a server keeps in the folder beside its blobs. */
function isBlob(name: string): boolean {
  return keyFault(name) === null && !isReserved(firstPart(name));
}

function corrupt(reason: string): RemoteFailure {
  return new RemoteFailure({ code: "Corrupt", reason });
}
