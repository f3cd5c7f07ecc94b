/**
 * Makes snapshots by the clock, while a server runs.
 *
 * Time is cut into slots of the interval, counted from 1970 in UTC, and each
 * slot gets one snapshot, named by its beginning: `auto-1h-20270301t090000z`. So
 * the names tell what is done. A server that starts makes the one of the present
 * slot if it is missing and no other: restarts make no heaps, and slots that
 * passed while no server ran stay empty.
 *
 * @module
 */

import type { ArchiveOperator } from "../../cas/archive_operations.ts";
import { archiveErrorCode } from "../../cas/errors.ts";
import type { EventSink } from "../../cas/events.ts";
import { nearestWord } from "../../plugins/nearest.ts";
import type { Schedule } from "../options/schedule_option.ts";
import { Refusal } from "../refusal.ts";

/** The longest sleep: a clock that was set is noticed, and a failure tried again. */
const SLEEP_MS_MAX = 30_000;

/** Time, from outside. */
export interface SchedulerClock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** Waits; resolves early when the signal aborts. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}

/** What a scheduler works with. */
export interface SchedulerOptions {
  /** The schedules. */
  readonly schedules: readonly Schedule[];
  /** Makes, lists and retires snapshots. */
  readonly archive: ArchiveOperator;
  /** Time. */
  readonly clock: SchedulerClock;
  /** Told of every snapshot and failure. */
  readonly onEvent: EventSink;
}

/** How a schedule is doing; plain JSON. */
export interface ScheduleStatus extends Schedule {
  /** The newest snapshot that it made or found; absent before the first. */
  readonly last?: string;
  /** When the next is due, milliseconds since 1970. */
  readonly nextMs: number;
  /** Why the present one could not be made; absent when all is well. */
  readonly fault?: string;
}

interface Progress {
  last?: string;
  /** Slot that is done. */
  doneMs?: number;
  /** Slot whose failure was told. */
  toldMs?: number;
  fault?: string;
}

/** The name of the snapshot of the slot that begins at a time. */
export function scheduledName(every: string, slotMs: number): string {
  const time = new Date(slotMs).toISOString().slice(0, 19)
    .replace(/[-:]/g, "").toLowerCase();
  return `auto-${every}-${time}z`;
}

/**
 * Refuses schedules of volumes that the archive does not have: a mistyped name
 * would be found when the snapshot is missed. Rejects with a `Refusal`.
 */
export async function refuseSchedulesWithoutVolume(
  schedules: readonly Schedule[],
  archive: Pick<ArchiveOperator, "operate">,
): Promise<void> {
  if (schedules.length === 0) return;
  const volumes = (await archive.operate("volume list", {}))
    .map(({ volume }) => volume);
  for (const { volume, every } of schedules) {
    if (volumes.includes(volume)) continue;
    const nearest = nearestWord(volume, volumes);
    const has = volumes.length === 0 ? "none" : volumes.sort().join(", ");
    throw new Refusal(
      "Missing",
      `Cannot make snapshots of volume "${volume}" every ${every}: the archive has no such volume; ${
        nearest === null
          ? `it has ${has}; make it first, or leave out the schedule`
          : `did you mean ${nearest}?`
      }`,
    );
  }
}

/** Keeps schedules. */
export class SnapshotScheduler {
  readonly #options: SchedulerOptions;
  readonly #progress: readonly Progress[];

  /** Does nothing yet. */
  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#progress = options.schedules.map(() => ({}));
  }

  /** Makes what is due, one after the other, until the signal aborts. Does not reject. */
  async run(signal: AbortSignal): Promise<void> {
    const { schedules, clock } = this.#options;
    while (!signal.aborted && schedules.length > 0) {
      for (const [index, schedule] of schedules.entries()) {
        if (signal.aborted) return;
        await this.#keep(schedule, this.#progress[index]!, signal);
      }
      const nowMs = clock.nowMs();
      const next = schedules.map((it) => slotOf(it, nowMs) + it.everyMs);
      const delayMs = Math.min(SLEEP_MS_MAX, Math.min(...next) - nowMs);
      await clock.sleep(delayMs, signal);
    }
  }

  /** How all schedules are doing. */
  status(): ScheduleStatus[] {
    const { schedules, clock } = this.#options;
    const nowMs = clock.nowMs();
    return schedules.map((schedule, index) => {
      const { last, fault } = this.#progress[index]!;
      return {
        ...schedule,
        ...(last === undefined ? {} : { last }),
        nextMs: slotOf(schedule, nowMs) + schedule.everyMs,
        ...(fault === undefined ? {} : { fault }),
      };
    });
  }

  async #keep(
    schedule: Schedule,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, onEvent } = this.#options;
    const slotMs = slotOf(schedule, clock.nowMs());
    if (progress.doneMs === slotMs) return;
    try {
      progress.last = await this.#make(schedule, slotMs);
      await this.#retire(schedule);
      progress.doneMs = slotMs;
      delete progress.fault;
    } catch (error) {
      progress.fault = (error as Error).message;
      // The archive was closed under it: the next start makes it.
      if (progress.toldMs === slotMs || signal.aborted) return;
      progress.toldMs = slotMs;
      const { volume, every } = schedule;
      onEvent({
        event: "schedule-failed",
        severity: "admin",
        message:
          `The snapshot of volume "${volume}" that is due every ${every} cannot be made, and is tried again: ${progress.fault}`,
        volume,
        every,
      });
    }
  }

  /** The name of the slot's snapshot, which is made if it is missing. */
  async #make({ volume, every }: Schedule, slotMs: number): Promise<string> {
    const { archive, onEvent } = this.#options;
    const name = scheduledName(every, slotMs);
    const listed = await archive.operate("snapshot list", { volume });
    if (listed.some((it) => it.name === name)) return name;
    try {
      const state = { volume };
      const { rootHash } = await archive.operate("snapshot create", {
        state,
        name,
      });
      onEvent({
        event: "snapshot-scheduled",
        severity: "info",
        message: `Snapshot ${volume}@${name}, root ${rootHash}`,
        volume,
        name,
        rootHash,
      });
    } catch (error) {
      // Retired already: a clock that was set back.
      if (archiveErrorCode(error) !== "NameTaken") throw error;
    }
    return name;
  }

  /** Takes the oldest off the list; their names sort by time. */
  async #retire({ volume, every, keep }: Schedule): Promise<void> {
    if (keep === undefined) return;
    const { archive } = this.#options;
    const prefix = `auto-${every}-`;
    const names = (await archive.operate("snapshot list", { volume }))
      .map(({ name }) => name)
      .filter((name) => name.startsWith(prefix)).sort();
    for (const name of names.slice(0, Math.max(0, names.length - keep))) {
      await archive.operate("snapshot retire", { volume, name });
    }
  }
}

function slotOf({ everyMs }: Schedule, nowMs: number): number {
  return Math.floor(nowMs / everyMs) * everyMs;
}
