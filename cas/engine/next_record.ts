/**
 * The record that follows another one of its volume.
 *
 * @module
 */

import type { RootRecord } from "./root.ts";
import type { PublishedRoot } from "./root_blob.ts";

/** Who makes a state, and when. */
export interface Maker {
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  /** The writer's claim. */
  readonly epoch: number;
  /** The state directory, 32 hexadecimal digits. */
  readonly writerId: string;
}

/** What a new state may change. */
export type StateChange = Partial<
  Pick<
    RootRecord,
    "name" | "blockCount" | "depth" | "treeRoot" | "parentHash" | "retired"
  >
>;

/**
 * The state after `head`, with what is changed. Its time is never below that of
 * the state before, whatever the system's clock says: states can be looked up
 * by time.
 */
export function nextRecord(
  head: Pick<PublishedRoot, "record" | "hash">,
  change: StateChange,
  by: Maker,
): RootRecord {
  const { volumeId, name, blockCount, depth, treeRoot, sequence, timeMs } =
    head.record;
  return {
    volumeId,
    name,
    blockCount,
    depth,
    treeRoot,
    ...change,
    sequence: sequence + 1,
    epoch: by.epoch,
    writerId: by.writerId,
    timeMs: Math.max(by.timeMs, timeMs),
    previous: { hash: head.hash, sequence },
  };
}
