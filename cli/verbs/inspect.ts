/**
 * What `inspect` says.
 *
 * @module
 */

import { blobErrorCode, type BlobStore } from "../../blobstores/blob_store.ts";
import { rootKey } from "../../cas/engine/names.ts";
import { inspectBlock } from "../../cas/inspect/block.ts";
import { inspectFile } from "../../cas/inspect/inspect.ts";
import type { Inspection } from "../../cas/inspect/inspection.ts";
import { packKey } from "../../cas/packs/pack_files.ts";
import { readArchive } from "../archive/archive_access.ts";
import type { ArchiveChoice } from "../command.ts";
import { ExitStatus } from "../exit_status.ts";
import { chooseCodec } from "../archive/native_codec.ts";
import type { Output } from "../output/output.ts";
import { openLayeredStore } from "../archive/store_opening.ts";
import { formatTable } from "../output/table.ts";
import { Refusal } from "../refusal.ts";

const HASH = /^[0-9a-f]{64}$/;

/** What to show. */
export interface InspectChoice {
  /** A file, a blob's key, the name of a pack, the score of a block, or `root:HASH`. */
  readonly what: string;
  /** The score of a block in that pack. */
  readonly block?: string;
  /** The archive, for all but files. */
  readonly archive?: ArchiveChoice;
}

/** Shows what a file or blob holds; the exit status. */
export async function inspect(
  { what, block, archive }: InspectChoice,
  output: Output,
): Promise<number> {
  const file = await readFile(what);
  const found = file === undefined
    ? await findBlob(what, archive, output)
    : { bytes: file };
  const codec = await chooseCodec();
  try {
    const { bytes, score = block?.toLowerCase(), pack } = found;
    const inspection = score === undefined
      ? await inspectFile(bytes, codec)
      : inspectBlock(bytes, score, codec);
    if (inspection === undefined) {
      throw new Refusal(
        "Missing",
        `There is no block of the score ${score} in ${pack ?? what}`,
      );
    }
    show(pack === undefined ? inspection : within(pack, inspection), output);
    return inspection.faults.length === 0
      ? ExitStatus.Done
      : ExitStatus.Damaged;
  } finally {
    codec.close();
  }
}

function show(inspection: Inspection, output: Output): void {
  const { kind, faults, fields, entries } = inspection;
  const facts = Object.entries(fields).map((
    [name, value],
  ) => [name, String(value)]);
  for (const line of formatTable([["kind", kind], ...facts])) output.line(line);
  for (const fault of faults) output.line(`DAMAGED: ${fault}`);
  const [first] = entries;
  if (first !== undefined) {
    const heads = Object.keys(first).map((name) => name.toUpperCase());
    const rows = entries.map((entry) => Object.values(entry).map(String));
    output.line("");
    for (const line of formatTable([heads, ...rows])) output.line(line);
  }
  output.result(inspection);
}

/** A file of this machine; undefined where there is none. */
async function readFile(path: string): Promise<Uint8Array | undefined> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** A blob; of a block the pack that holds it. */
interface FoundBlob {
  readonly bytes: Uint8Array;
  /** Set when the score of a block was asked for. */
  readonly score?: string;
  /** The pack that holds it. */
  readonly pack?: string;
}

function within(pack: string, inspection: Inspection): Inspection {
  return { ...inspection, fields: { pack, ...inspection.fields } };
}

async function findBlob(
  what: string,
  archive: ArchiveChoice | undefined,
  output: Output,
): Promise<FoundBlob> {
  if (archive === undefined) {
    throw new Refusal(
      "Missing",
      `There is no file ${what}: check the path, or add --store URL if it is a key, a pack's name, a score or root:HASH`,
    );
  }
  const key = await keyOf(what, archive, output);
  const store = await openLayeredStore(archive, { readOnly: true });
  try {
    const score = what.toLowerCase();
    if (!HASH.test(score) || await store.head(key) !== null) {
      return { bytes: await blobOf(store, key, what) };
    }
    // No pack of this name: the index knows which one has the block.
    const scores = Uint8Array.fromHex(score).toBase64();
    const { packs: [pack] } = await readArchive(
      archive,
      output,
      (it) => it.operate("locate", { scores, thorough: true }),
    );
    if (pack === undefined) {
      throw new Refusal(
        "Missing",
        `There is no pack of the name ${what} in ${store.display}, and none that holds a block of this score`,
      );
    }
    return { bytes: await blobOf(store, packKey(pack), what), score, pack };
  } finally {
    await store.close();
  }
}

async function blobOf(
  store: BlobStore,
  key: string,
  what: string,
): Promise<Uint8Array> {
  try {
    return await store.get(key);
  } catch (error) {
    const code = blobErrorCode(error);
    if (code !== "NotFound" && code !== "InvalidKey") throw error;
    throw new Refusal(
      "Missing",
      `There is no file ${what}, and no blob "${key}" in ${store.display}: give a path, a blob's key, the name of a pack, the score of a block, or root:HASH`,
    );
  }
}

/** The key of the blob that is meant. */
async function keyOf(
  what: string,
  archive: ArchiveChoice,
  output: Output,
): Promise<string> {
  const root = /^root:([0-9a-fA-F]{64})$/.exec(what)?.[1]?.toLowerCase();
  if (root === undefined) {
    const name = what.toLowerCase();
    return HASH.test(name) ? packKey(name) : what;
  }
  const { volumeId, sequence } = await readArchive(
    archive,
    output,
    (it) => it.operate("state", { state: { root } }),
  );
  return rootKey(volumeId, sequence);
}
