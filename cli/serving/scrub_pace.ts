/**
 * The steps of a scrub, no faster than asked.
 *
 * @module
 */

import type { ArchiveOperator } from "../../cas/archive_operations.ts";
import type { ScrubReport } from "../../cas/scrub_report.ts";

/** Time, from outside. */
export interface PaceClock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** Waits; resolves early when the signal aborts. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}

/** How to scrub. */
export interface PacedScrub {
  /** How much of the packs to read, in percent. */
  readonly samplePercent: number;
  /** Begin anew, whatever was done. */
  readonly restart: boolean;
  /** Bytes a second; as fast as it goes when absent. */
  readonly bytesPerSecond?: number;
  /** Takes every step's report. */
  readonly onStep?: (report: ScrubReport) => void;
}

/** A step reads a pack or two. */
const STEP_BYTES: number = 16 * 1024 * 1024;

/** Scrubs to the end, or until the signal aborts; what was found. */
export async function runScrub(
  archive: ArchiveOperator,
  { samplePercent, restart, bytesPerSecond, onStep }: PacedScrub,
  { clock, signal }: {
    readonly clock: PaceClock;
    readonly signal: AbortSignal;
  },
): Promise<ScrubReport> {
  const byteCountMax = Math.min(STEP_BYTES, bytesPerSecond ?? STEP_BYTES);
  let begin = restart;
  for (;;) {
    const startedMs = clock.nowMs();
    const report = await archive.operate("scrub", {
      byteCountMax,
      samplePercent,
      restart: begin,
    });
    onStep?.(report);
    if (report.endedMs !== undefined || signal.aborted) return report;
    const dueMs = bytesPerSecond === undefined
      ? 0
      : startedMs + byteCountMax / bytesPerSecond * 1000;
    const waitMs = dueMs - clock.nowMs();
    if (waitMs > 0) await clock.sleep(waitMs, signal);
    if (signal.aborted) return report;
    begin = false;
  }
}
