/**
 * Scrubs by the clock, while a server runs. A scrub that a stop interrupted goes
 * on where it stood.
 *
 * @module
 */

import type { ArchiveOperator } from "../../cas/archive_operations.ts";
import type { EventSink } from "../../cas/events.ts";
import type { ScrubStatus } from "../../cas/scrub_report.ts";
import type { ScrubSchedule } from "../options/scrub_option.ts";
import { type PaceClock, runScrub } from "./scrub_pace.ts";

/** The longest sleep: a clock that was set is noticed. */
const SLEEP_MS_MAX = 60_000;
/** After a failure. */
const PAUSE_MS = 60_000;

/** What a scheduler works with. */
export interface ScrubSchedulerOptions {
  /** When and how. */
  readonly schedule: ScrubSchedule;
  /** Whose bytes. */
  readonly archive: ArchiveOperator;
  /** Time. */
  readonly clock: PaceClock;
  /** Told of failures; of damage the archive tells itself. */
  readonly onEvent: EventSink;
}

/** Scrubs when it is due, until the signal aborts. Does not reject. */
export async function scheduleScrubs(
  { schedule, archive, clock, onEvent }: ScrubSchedulerOptions,
  signal: AbortSignal,
): Promise<void> {
  const { samplePercent, bytesPerSecond } = schedule;
  const paced = { samplePercent, bytesPerSecond, restart: false };
  while (!signal.aborted) {
    try {
      const status = await archive.operate("scrub status", {});
      const waitMs = dueMs(status, schedule) - clock.nowMs();
      if (waitMs <= 0) await runScrub(archive, paced, { clock, signal });
      else await clock.sleep(Math.min(waitMs, SLEEP_MS_MAX), signal);
    } catch (error) {
      if (signal.aborted) return;
      const { message } = error as Error;
      onEvent({
        event: "scrub-failed",
        severity: "admin",
        message: `Cannot scrub the archive, it will be tried again: ${message}`,
      });
      await clock.sleep(PAUSE_MS, signal);
    }
  }
}

/** When the next one begins; one that is under way goes on at once. */
function dueMs(
  { current, last }: ScrubStatus,
  { everyMs }: ScrubSchedule,
): number {
  return current !== undefined || last === undefined
    ? 0
    : last.startedMs + everyMs;
}
