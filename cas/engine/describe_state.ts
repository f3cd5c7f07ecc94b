/**
 * A state in words that cross threads and processes.
 *
 * @module
 */

import type { StateDescription } from "../volume_states.ts";
import type { ViewRoot } from "./views.ts";

/** Describes the state of a root. */
export function describeState({ record, hash }: ViewRoot): StateDescription {
  const { parentHash, retired } = record;
  return {
    volume: record.name,
    volumeId: record.volumeId,
    sequence: record.sequence,
    timeMs: record.timeMs,
    blockCount: record.blockCount,
    rootHash: hash,
    ...(parentHash === undefined ? {} : { parentHash }),
    ...(retired === true ? { retired } : {}),
  };
}
