/**
 * What a running server tells of itself: above all how far its store is behind.
 *
 * @module
 */

import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import type { IndexStatistics } from "../../cas/index/score_index.ts";
import type { ScrubStatus } from "../../cas/scrub_report.ts";
import type { ServingArchive } from "./serving_archive.ts";
import type { ScheduleStatus } from "./snapshot_scheduler.ts";

/** A running server; can be written as JSON. */
export interface ServerStatus {
  /** URL of the store. */
  readonly store: string;
  /** The archive's id. */
  readonly archiveId: string;
  /** Number of the claim under which it writes; 0 when it only reads. */
  readonly epoch: number;
  /** Bytes of written blocks that are not in the store yet. */
  readonly unarchivedBytes: number;
  /** Age of the oldest write that is not in the store. */
  readonly lagSeconds: number;
  /** What that should not exceed. */
  readonly maxLagSeconds: number;
  /** True while it does. */
  readonly behind: boolean;
  /** Bytes of the journal. */
  readonly journalBytes: number;
  /** Bytes at which it is full. */
  readonly journalBytesMax: number;
  /** How full journal and memory for writes are, 0 to 1; writes wait at 1. */
  readonly fill: number;
  /** What is full and keeps writes from the store; absent where nothing is. */
  readonly full?: string;
  /** Why writes that need room are refused; absent while none are. */
  readonly writesRefused?: string;
  /** Bytes of blocks at hand for reads. */
  readonly cachedBytes: number;
  /** How the index is doing. */
  readonly index: IndexStatistics;
  /** Snapshots by the clock. */
  readonly schedules: readonly ScheduleStatus[];
  /** What scrubs have found. */
  readonly scrub: ScrubStatus;
}

/** Describes the server with this archive. */
export async function describeStatus(
  store: string,
  { port, front, budget }: Pick<ServingArchive, "port" | "front" | "budget">,
): Promise<Omit<ServerStatus, "schedules" | "scrub">> {
  const index = await port.operate("index status", {});
  const shortage = await port.shortage();
  const { usage } = front;
  const lagMsMax = budget.lagMsMax ?? 2 * budget.checkpointAgeMs;
  return {
    store,
    archiveId: port.archiveId,
    epoch: port.epoch,
    unarchivedBytes: usage.unarchivedBytes,
    lagSeconds: usage.lagMs / 1000,
    maxLagSeconds: lagMsMax / 1000,
    behind: usage.behind,
    journalBytes: usage.journalBytes,
    journalBytesMax: budget.journalBytesMax,
    fill: usage.fill,
    ...(shortage === undefined ? {} : { full: shortage.message }),
    ...(usage.refusal === undefined ? {} : { writesRefused: usage.refusal }),
    cachedBytes: usage.cachedSlots * BLOCK_SIZE,
    index,
  };
}
