/**
 * What `scrub` does and says.
 *
 * @module
 */

import { systemClock } from "../../cas/engine/clock.ts";
import type {
  ScrubFault,
  ScrubReport,
  ScrubStatus,
  TouchedVolume,
} from "../../cas/scrub_report.ts";
import { packNameOf } from "../../cas/packs/pack_files.ts";
import { readArchive } from "../archive/archive_access.ts";
import type { ArchiveChoice } from "../command.ts";
import { ExitStatus } from "../exit_status.ts";
import { counted } from "../../blobstores/counted.ts";
import type { Output } from "../output/output.ts";
import { type PacedScrub, runScrub } from "../serving/scrub_pace.ts";
import { formatSize } from "../output/size.ts";
import { StopSignals } from "../serving/stop_signals.ts";

/** How often a line tells how far it is. */
const TELL_INTERVAL_MS = 10_000;
/** Ranges and blocks in a line. */
const LISTED_MAX = 8;
const PERCENT = 100;

/** Reads and verifies an archive; the exit status. */
export async function scrubArchive(
  archive: ArchiveChoice,
  paced: PacedScrub,
  output: Output,
): Promise<number> {
  using signals = new StopSignals();
  const stopping = new AbortController();
  signals.stopped.then(() => stopping.abort());
  let toldMs = systemClock.nowMs();
  const onStep = (report: ScrubReport): void => {
    const nowMs = systemClock.nowMs();
    if (nowMs - toldMs < TELL_INTERVAL_MS) return;
    toldMs = nowMs;
    output.event({
      event: "progress",
      severity: "info",
      message: `Scrubbing: ${describeProgress(report)}`,
      progress: report.progress,
      byteCount: report.byteCount,
      faultCount: report.faultCount,
    });
  };
  const report = await readArchive(
    archive,
    output,
    (it) =>
      runScrub(it, { ...paced, onStep }, {
        clock: systemClock,
        signal: stopping.signal,
      }),
  );
  for (const line of linesOf(report)) output.line(line);
  if (report.endedMs === undefined) {
    output.line("Interrupted: the next scrub goes on from here");
  }
  output.result(report);
  if (report.faultCount > 0) return ExitStatus.Damaged;
  return report.endedMs === undefined ? ExitStatus.Failed : ExitStatus.Done;
}

/** What scrubs have found, in a line or two. */
export function describeScrubs({ current, last }: ScrubStatus): string[] {
  const lines: string[] = [];
  if (last === undefined) {
    lines.push(
      "No scrub has ended yet: scrub --store URL reads and verifies all bytes",
    );
  } else {
    const { samplePercent, startedMs, faultCount } = last;
    const what = samplePercent < PERCENT
      ? `${samplePercent} % of packs`
      : "all";
    const found = faultCount === 0
      ? "no damage"
      : `DAMAGED: ${counted(faultCount, "blob")}; scrub tells which`;
    lines.push(
      `Scrubbed ${what} from ${new Date(startedMs).toISOString()} on: ${found}`,
    );
  }
  if (current !== undefined) {
    lines.push(`A scrub is under way: ${describeProgress(current)}`);
  }
  return lines;
}

function describeProgress(report: ScrubReport): string {
  const { progress, byteCount, faultCount } = report;
  const percent = (progress * PERCENT).toFixed(1);
  const damage = faultCount === 0
    ? ""
    : `, ${counted(faultCount, "blob")} DAMAGED`;
  return `${percent} %, ${formatSize(byteCount)} read${damage}`;
}

function verdict(
  { faultCount, packCount, samplePercent }: ScrubReport,
): string {
  if (faultCount > 0) return `${faultCount} damaged`;
  const nothing = packCount === 0 && samplePercent < PERCENT;
  return nothing ? "none of the packs is in this sample" : "sound";
}

function linesOf(report: ScrubReport): string[] {
  const { faults, faultCount, touched = [] } = report;
  const { blobCount, packCount, blockCount, byteCount, samplePercent } = report;
  const lines = faults.flatMap(describeFault);
  if (faultCount > faults.length) {
    lines.push(`DAMAGED: and ${faultCount - faults.length} more`);
  }
  lines.push(...touched.map(describeTouched));
  for (const { key, reason } of report.uselessCopies ?? []) {
    lines.push(
      `${key}: ${reason}; a copy of the index, no data: it may be deleted`,
    );
  }
  const isPacksOnly = faults.every(({ key }) => packNameOf(key) !== undefined);
  const isEnded = report.endedMs !== undefined;
  if (faultCount > 0 && isEnded && isPacksOnly && touched.length === 0) {
    lines.push("No state of any volume needs what is damaged");
  }
  const sample = samplePercent < PERCENT
    ? ` (a sample of ${samplePercent} %)`
    : "";
  lines.push(
    `${counted(blobCount, "blob")}${sample}, ${packCount} of them packs with ${
      counted(blockCount, "block")
    }, ${formatSize(byteCount)}: ${verdict(report)}`,
  );
  if (faultCount > 0) {
    lines.push("To mend it from a copy: repair --from URL --store URL");
  }
  return lines;
}

function describeFault(
  { key, reason, blocks, blockCount }: ScrubFault,
): string[] {
  const lines = [`DAMAGED: ${key}: ${reason}`];
  for (const { score, offset, length, lost } of blocks.slice(0, LISTED_MAX)) {
    const fate = lost ? "no other pack holds it" : "another pack holds it";
    lines.push(`  block ${score}, ${length} bytes at ${offset}: ${fate}`);
  }
  if (blockCount > LISTED_MAX) {
    lines.push(`  and ${blockCount - LISTED_MAX} more blocks`);
  }
  return lines;
}

function describeTouched(touched: TouchedVolume): string {
  const { volume, stateCount, sequence, present, snapshots } = touched;
  const { sectors, sectorCount } = touched;
  const ranges = sectors.slice(0, LISTED_MAX).map(({ lba, sectorCount }) =>
    `${lba} to ${lba + sectorCount - 1}`
  ).join(", ");
  const more = sectors.length > LISTED_MAX ? ", ..." : "";
  const state = present ? "its present state" : `its state ${sequence}`;
  const where = sectorCount === 0
    ? "cannot be read"
    : `lacks ${counted(sectorCount, "sector")}: ${ranges}${more}`;
  const names = snapshots.length === 0
    ? ""
    : `; snapshot${snapshots.length === 1 ? "" : "s"} ${snapshots.join(", ")}`;
  return `Volume ${volume}: ${state} ${where}; ${
    counted(stateCount, "state is", "states are")
  } touched${names}`;
}
