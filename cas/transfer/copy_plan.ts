/**
 * What a copy has to bring over: which roots and names of which volumes, and
 * whether they fit to what the destination has.
 *
 * @module
 */

import { equalBytes } from "../bytes.ts";
import { listKeys, readBlob } from "../engine/blobs.ts";
import type { EngineContext } from "../engine/context.ts";
import {
  NAMES_PREFIX,
  namesPrefix,
  RETIRED_PREFIX,
  rootKey,
} from "../engine/names.ts";
import type { PublishedRoot } from "../engine/root_blob.ts";
import {
  listSequences,
  listVolumeIds,
  readRoot,
} from "../engine/root_store.ts";
import { Volumes } from "../engine/volumes.ts";
import { ArchiveError } from "../errors.ts";

/** What is missing of a volume. */
export interface VolumePlan {
  /** The volume's id. */
  readonly volumeId: string;
  /** Its newest state at the source. */
  readonly head: PublishedRoot;
  /** Sequences that the destination lacks, ascending. */
  readonly sequences: readonly number[];
  /** Keys of snapshots, and of notes about them, at the source. */
  readonly nameKeys: readonly string[];
}

/**
 * Plans the copy of one volume or of all. Rejects with `Damaged` where a root of
 * the source cannot be read, and with `OtherVolume` or `NameTaken` where the
 * destination has gone a way of its own.
 */
export async function planCopy(
  from: EngineContext,
  to: EngineContext,
  volumeId?: string,
): Promise<VolumePlan[]> {
  const ids = volumeId === undefined ? await listVolumeIds(from) : [volumeId];
  const plans: VolumePlan[] = [];
  for (const id of ids) plans.push(await planVolume(from, to, id));
  await requireNamesFree(plans, to);
  return plans;
}

async function planVolume(
  from: EngineContext,
  to: EngineContext,
  volumeId: string,
): Promise<VolumePlan> {
  // Names are listed before roots: the root of a name is there before it is.
  const nameKeys = [
    ...await listKeys(from, namesPrefix(volumeId)),
    ...await listKeys(
      from,
      RETIRED_PREFIX + namesPrefix(volumeId).slice(NAMES_PREFIX.length),
    ),
  ];
  const source = await listSequences(from, volumeId);
  const there = new Set(await listSequences(to, volumeId));
  const head = await readRoot(from, volumeId, source.at(-1) ?? 0);
  const sequences = source.filter((sequence) => !there.has(sequence));
  const common = source.findLast((sequence) => there.has(sequence));
  const goesOn = sequences.length === 0 || common === undefined ||
    (sequences[0]! > common && Math.max(...there) === common);
  if (!goesOn || !await isSameRoot(from, to, volumeId, common)) {
    throw new ArchiveError(
      "OtherVolume",
      `Cannot copy volume "${head.record.name}" to ${to.store.display}: it was written there since it was copied last, or the other way round; copy into another store, or export the state that you need and import it there`,
    );
  }
  return { volumeId, head, sequences, nameKeys };
}

async function isSameRoot(
  from: EngineContext,
  to: EngineContext,
  volumeId: string,
  sequence: number | undefined,
): Promise<boolean> {
  if (sequence === undefined) return true;
  const key = rootKey(volumeId, sequence);
  const left = await readBlob(from, key);
  const right = await readBlob(to, key);
  return left !== undefined && right !== undefined && equalBytes(left, right);
}

/**
 * Two volumes of one name could not be told apart at the destination. Those that
 * are copied get the names that they have at the source by then, also where one
 * has left its name to another.
 */
async function requireNamesFree(
  plans: readonly VolumePlan[],
  to: EngineContext,
): Promise<void> {
  const volumes = await Volumes.load(to, {});
  const copied = new Set(plans.map(({ volumeId }) => volumeId));
  for (const { head: { record } } of plans) {
    if (record.retired === true) continue;
    const named = volumes.all().filter(({ name, retired }) =>
      name === record.name && !retired
    );
    // Rejects where the name may be that of a volume that cannot be read.
    if (named.length === 0) volumes.find(record.name);
    if (named.every(({ id }) => copied.has(id))) continue;
    throw new ArchiveError(
      "NameTaken",
      `Cannot copy volume "${record.name}" to ${to.store.display}: there is another volume of that name; rename it first with "volume rename ${record.name} NAME"`,
    );
  }
}
