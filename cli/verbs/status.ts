/**
 * What `status` says.
 *
 * @module
 */

import { describeIndex } from "./index_status.ts";
import { type Output } from "../output/output.ts";
import { askRunningServer, type ServerChoice } from "./running_server.ts";
import type { ServerStatus } from "../serving/server_status.ts";
import { formatSize } from "../output/size.ts";
import { describeScrubs } from "./scrub.ts";
import type { ScheduleStatus } from "../serving/snapshot_scheduler.ts";

/** Shows how a running server is. */
export async function showStatus(
  server: ServerChoice,
  output: Output,
): Promise<void> {
  const status = await askRunningServer(server, {
    verb: "status",
  }) as ServerStatus;
  for (const line of linesOf(status)) output.line(line);
  output.result(status);
}

function linesOf(status: ServerStatus): string[] {
  const { epoch } = status;
  const part = Math.round(status.fill * 100);
  return [
    `Archive    ${status.archiveId} in ${status.store}`,
    epoch === 0 ? "Claim      none: read-only" : `Claim      epoch ${epoch}`,
    `Store      ${describeLag(status)}`,
    `Journal    ${formatSize(status.journalBytes)} of ${
      formatSize(status.journalBytesMax)
    }; room for writes is ${part} % used, and they are slowed from 50 % on`,
    ...describeTrouble(status),
    `Cache      ${formatSize(status.cachedBytes)} of blocks in memory`,
    `Index      ${describeIndex(status.index)}`,
    ...status.schedules.map(describeSchedule),
    ...describeScrubs(status.scrub).map((line) => `Scrubs     ${line}`),
  ];
}

function describeTrouble({ full, writesRefused }: ServerStatus): string[] {
  return [
    ...(full === undefined ? [] : [`FULL       ${full}`]),
    ...(writesRefused === undefined
      ? []
      : [`Writes     ARE REFUSED: ${writesRefused}`]),
  ];
}

/** How far the store is behind, in words. */
export function describeLag(
  status: Pick<
    ServerStatus,
    "unarchivedBytes" | "lagSeconds" | "maxLagSeconds" | "behind"
  >,
): string {
  const { unarchivedBytes, lagSeconds, behind } = status;
  const most = `at most ${status.maxLagSeconds} s wanted`;
  return unarchivedBytes === 0
    ? `has all that was acknowledged (${most})`
    : `${formatSize(unarchivedBytes)} and ${
      lagSeconds.toFixed(1)
    } s behind what was acknowledged (${most})${behind ? ": BEHIND" : ""}`;
}

function describeSchedule(schedule: ScheduleStatus): string {
  const { volume, every, keep, last = "none yet", fault, nextMs } = schedule;
  const kept = keep === undefined ? "all names kept" : `${keep} names kept`;
  const next = new Date(nextMs).toISOString();
  return `Snapshots  of ${volume} every ${every}, ${kept}: last ${last}, next ${next}${
    fault === undefined ? "" : `; FAILED: ${fault}`
  }`;
}
