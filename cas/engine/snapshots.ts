/**
 * Snapshots: names for roots (docs/format.md, "Snapshots").
 *
 * @module
 */

import type { SnapshotDescription } from "../archive_port.ts";
import { ArchiveError } from "../errors.ts";
import { createBlob, listKeys, readBlob } from "./blobs.ts";
import type { EngineContext } from "./context.ts";
import {
  checkName,
  nameKey,
  NAMES_PREFIX,
  namesPrefix,
  RETIRED_PREFIX,
  retiredKey,
} from "./names.ts";
import type { PublishedRoot } from "./root_blob.ts";
import {
  countField,
  decodeSealedText,
  encodeSealedText,
  HASH_PATTERN,
  ID_PATTERN,
  type SealedFields,
  textField,
} from "./sealed_text.ts";

const SNAPSHOT_TYPE = "deepshelf snapshot";
const RETIRED_TYPE = "deepshelf retired snapshot";

/** Which snapshots to list: those in use, those taken off the list, or both. */
export type SnapshotChoice = "listed" | "retired" | "all";

/** A snapshot as stored. */
export interface StoredSnapshot extends SnapshotDescription {
  /** The volume's id, 32 hexadecimal digits. */
  readonly volumeId: string;
}

/**
 * Names a root; `volume` is the volume's present name. Rejects with `BadName` or
 * `NameTaken`.
 */
export async function putSnapshot(
  context: EngineContext,
  name: string,
  root: Pick<PublishedRoot, "record" | "hash">,
  volume: string,
): Promise<SnapshotDescription> {
  checkName("snapshot", name);
  const { record, hash } = root;
  const snapshot: SnapshotDescription = {
    volume,
    name,
    timeMs: context.clock.nowMs(),
    rootHash: hash,
    sequence: record.sequence,
    blockCount: record.blockCount,
  };
  const body = encodeSealedText({
    type: SNAPSHOT_TYPE,
    ...snapshot,
    volumeId: record.volumeId,
  }, context.hasher);
  const key = nameKey(record.volumeId, name);
  const other = await createBlob(context, key, body);
  if (other === undefined) return snapshot;
  throw new ArchiveError(
    "NameTaken",
    `Cannot create snapshot "${name}" of volume "${volume}": there is one of that name; choose another name`,
  );
}

/** Reads a snapshot. Rejects with `NoSnapshot` or `Damaged`. */
export async function readSnapshot(
  context: EngineContext,
  volume: { readonly id: string; readonly name: string },
  name: string,
): Promise<StoredSnapshot> {
  checkName("snapshot", name);
  const key = nameKey(volume.id, name);
  const bytes = await readSnapshotBlob(context, key);
  if (bytes === undefined) {
    throw new ArchiveError(
      "NoSnapshot",
      `Volume "${volume.name}" has no snapshot "${name}": list them with "snapshot list ${volume.name}"`,
    );
  }
  const snapshot = decodeSnapshot(bytes, key, context);
  if (snapshot !== undefined) return snapshot;
  throw new ArchiveError(
    "Damaged",
    `Snapshot "${name}" of volume "${volume.name}" is damaged: mend blob "${key}" in ${context.store.display} with "repair --from URL", URL being a copy of the store, or serve the state by its root hash`,
  );
}

/**
 * Takes a snapshot off the list by a note beside it: nothing is deleted, and it
 * can still be named. Again does nothing. Rejects as `readSnapshot` does.
 */
export async function retireSnapshot(
  context: EngineContext,
  volume: { readonly id: string; readonly name: string },
  name: string,
): Promise<SnapshotDescription> {
  const { volumeId, ...snapshot } = await readSnapshot(context, volume, name);
  const body = encodeSealedText({
    type: RETIRED_TYPE,
    volumeId,
    name,
    timeMs: context.clock.nowMs(),
  }, context.hasher);
  await createBlob(context, retiredKey(volumeId, name), body);
  return { ...snapshot, volume: volume.name };
}

/** Snapshots, of all volumes or of one, oldest first; damaged ones are reported and left out. */
export async function listSnapshots(
  context: EngineContext,
  volumeId?: string,
  choice: SnapshotChoice = "listed",
): Promise<StoredSnapshot[]> {
  const { store, onEvent } = context;
  const below = volumeId === undefined ? "" : namesPrefix(volumeId).slice(
    NAMES_PREFIX.length,
  );
  const all = await listKeys(context, NAMES_PREFIX + below);
  const retired = choice === "all"
    ? undefined
    : new Set(await listKeys(context, RETIRED_PREFIX + below));
  const snapshots: StoredSnapshot[] = [];
  for (const key of all) {
    // Schedules leave thousands behind: those are not read.
    const isRetired = retired?.has(
      RETIRED_PREFIX + key.slice(NAMES_PREFIX.length),
    );
    if (isRetired !== undefined && isRetired !== (choice === "retired")) {
      continue;
    }
    const bytes = await readSnapshotBlob(context, key);
    const snapshot = bytes && decodeSnapshot(bytes, key, context);
    if (snapshot !== undefined) snapshots.push(snapshot);
    else {
      onEvent({
        event: "snapshot-damaged",
        severity: "corrupt",
        message:
          `The snapshot in blob "${key}" in ${store.display} is damaged: mend it with "repair --from URL", URL being a copy of the store`,
        key,
      });
    }
  }
  return snapshots.sort((left, right) =>
    left.timeMs - right.timeMs || (left.name < right.name ? -1 : 1)
  );
}

/** Of several copies, one that is sound. */
function readSnapshotBlob(
  context: EngineContext,
  key: string,
): Promise<Uint8Array | undefined> {
  return readBlob(
    context,
    key,
    (copy) => decodeSnapshot(copy, key, context) !== undefined,
  );
}

/** The snapshot in the blob of a key; undefined when it is damaged. */
export function decodeSnapshot(
  bytes: Uint8Array,
  key: string,
  context: EngineContext,
): StoredSnapshot | undefined {
  const fields = decodeSealedText(bytes, context.hasher);
  if (fields === undefined || fields.type !== SNAPSHOT_TYPE) return undefined;
  const snapshot = snapshotFields(fields);
  const fits = snapshot !== undefined &&
    nameKey(snapshot.volumeId, snapshot.name) === key;
  return fits ? snapshot : undefined;
}

function snapshotFields(fields: SealedFields): StoredSnapshot | undefined {
  const volumeId = textField(fields, "volumeId", ID_PATTERN);
  const volume = textField(fields, "volume", /^.+$/);
  const name = textField(fields, "name", /^.+$/);
  const rootHash = textField(fields, "rootHash", HASH_PATTERN);
  const timeMs = countField(fields, "timeMs");
  const sequence = countField(fields, "sequence");
  const blockCount = countField(fields, "blockCount");
  if (
    volumeId === undefined || volume === undefined || name === undefined ||
    rootHash === undefined || timeMs === undefined || sequence === undefined ||
    blockCount === undefined
  ) return undefined;
  return { volumeId, volume, name, rootHash, timeMs, sequence, blockCount };
}
