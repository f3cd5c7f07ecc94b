/**
 * The volume behind a target that is a clone and is kept.
 *
 * @module
 */

import type { StateReference } from "../../cas/volume_states.ts";
import type { ArchiveUse } from "./operation.ts";
import { performOperation } from "./operation.ts";
import { UsageError } from "../usage_error.ts";

/** Which clone. */
export interface KeptClone {
  /** The state that it begins as. */
  readonly source: StateReference;
  /** That state, for messages: "disk@monday". */
  readonly sourceName: string;
  /** The volume's name. */
  readonly volume: string;
  /** Make it if it is missing. */
  readonly create: boolean;
}

/**
 * Makes the volume of a clone if it is missing. Rejects with a `UsageError`
 * when it must not be made, or when there is another volume of that name: a
 * client that expects a copy of one disk must not be given some other one.
 */
export async function ensureKeptClone(
  archive: ArchiveUse,
  clone: KeptClone,
): Promise<void> {
  const { source, sourceName, volume, create } = clone;
  const volumes = await archive.port.operate("volume list", {});
  if (volumes.some((one) => one.volume === volume)) {
    if (await stemsFrom(archive, volume, source)) return;
    throw new UsageError(
      `Volume "${volume}" is no clone of ${sourceName}: name another to keep the clone in, or serve that one as it is, without "@" and "clone"`,
    );
  }
  if (!create) {
    throw new UsageError(
      `There is no volume "${volume}" to keep the clone of ${sourceName} in: add --create to make it`,
    );
  }
  await performOperation(archive, "clone", { source, volume });
}

/** Whether a volume began as a state of the volume of `source`. */
async function stemsFrom(
  { port }: ArchiveUse,
  volume: string,
  source: StateReference,
): Promise<boolean> {
  const { entries } = await port.operate("history", {
    volume,
    fromSequence: 0,
    countMax: 1,
  });
  const [first] = entries;
  if (first === undefined) return false;
  // What it began as cannot be told any more: the operator's word counts.
  if ("damage" in first) return true;
  const { parentHash: root } = first;
  if (root === undefined) return false;
  const parent = await port.operate("state", { state: { root } });
  const state = await port.operate("state", { state: source });
  return parent.volumeId === state.volumeId;
}
