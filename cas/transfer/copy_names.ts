/**
 * Names of states, copied to another archive. A name that is there already is
 * compared: it may have been given there to another state, and one of the two
 * would be missed if that were passed over.
 *
 * @module
 */

import { equalBytes } from "../bytes.ts";
import { createBlob, listKeys, readBlob } from "../engine/blobs.ts";
import type { EngineContext } from "../engine/context.ts";
import {
  NAMES_PREFIX,
  namesPrefix,
  RETIRED_PREFIX,
  retiredKey,
} from "../engine/names.ts";
import { decodeSnapshot } from "../engine/snapshots.ts";
import type { VolumePlan } from "./copy_plan.ts";

/** A name that is not copied, for the destination has another one in its place. */
export interface NameConflict {
  /** The volume's name. */
  readonly volume: string;
  /** The snapshot's name. */
  readonly name: string;
  /** Key of the blob. */
  readonly key: string;
  /** What the one and the other are, as half a sentence. */
  readonly reason: string;
}

/** What was done with the names of a volume. */
export interface CopiedNames {
  /** Names, and notes about them, that were copied. */
  readonly count: number;
  /** Left as they are on both sides. */
  readonly conflicts: readonly NameConflict[];
}

/**
 * Copies the names that the plan has. Nothing is overwritten. A name that the
 * source has taken off its list is in nobody's way: it is no conflict.
 */
export async function copyNames(
  { volumeId, head, nameKeys }: VolumePlan,
  from: EngineContext,
  to: EngineContext,
): Promise<CopiedNames> {
  const prefix = namesPrefix(volumeId);
  const retired = RETIRED_PREFIX + prefix.slice(NAMES_PREFIX.length);
  const there = new Set([
    ...await listKeys(to, prefix),
    ...await listKeys(to, retired),
  ]);
  const offList = new Set(nameKeys.filter((key) => key.startsWith(retired)));
  const conflicts: NameConflict[] = [];
  /** Notes about names that mean something else at the destination. */
  const foreign = new Set<string>();
  let count = 0;
  for (const key of nameKeys) {
    const isNote = key.startsWith(retired);
    // When a name was taken off the list does not matter.
    if (isNote && (there.has(key) || foreign.has(key))) continue;
    const bytes = await readBlob(from, key);
    if (bytes === undefined) continue;
    const other = there.has(key)
      ? await readBlob(to, key)
      : await createBlob(to, key, bytes);
    if (other === undefined) {
      if (!there.has(key)) count++;
      continue;
    }
    const reason = isNote ? undefined : difference(key, bytes, other, from, to);
    if (reason === undefined) continue;
    const name = key.slice(prefix.length);
    const note = retiredKey(volumeId, name);
    foreign.add(note);
    if (offList.has(note)) continue;
    conflicts.push({ volume: head.record.name, name, key, reason });
  }
  return { count, conflicts };
}

/** Where two blobs of a name do not mean one state, as half a sentence. */
function difference(
  key: string,
  bytes: Uint8Array,
  other: Uint8Array,
  from: EngineContext,
  to: EngineContext,
): string | undefined {
  if (equalBytes(bytes, other)) return undefined;
  const ours = decodeSnapshot(bytes, key, from);
  const theirs = decodeSnapshot(other, key, to);
  if (ours !== undefined && ours.rootHash === theirs?.rootHash) {
    return undefined;
  }
  const states = ([[ours, from], [theirs, to]] as const).map(
    ([state, { store }]) =>
      state === undefined
        ? `it is damaged in ${store.display}`
        : `it is state ${state.sequence}, root ${state.rootHash}, in ${store.display}`,
  );
  return states.join(", and ");
}
