/**
 * What comes before the first write: the journal of before is replayed into the
 * overlays, the archive fences off whoever wrote before, and a new journal
 * begins.
 *
 * @module
 */

import { counted } from "../../blobstores/counted.ts";
import type { ArchiveLag } from "./archive_lag.ts";
import { backPressureMs } from "./back_pressure.ts";
import type { BlockCache } from "./block_cache.ts";
import type { Checkpointer } from "./checkpointer.ts";
import type { Clock } from "./clock.ts";
import type { Disks } from "./disks.ts";
import { type ArchiveFrontOptions, BATCH_BYTES_MAX } from "./front_options.ts";
import { checkStandsOn, type Head } from "./head.ts";
import { Journal } from "./journal.ts";
import { loadChecksum } from "./journal_checksum.ts";
import {
  JournalRecovery,
  type JournalRecoveryOptions,
} from "./journal_recovery.ts";
import type { OpenVolumeRecord } from "./journal_records.ts";
import { JournalRoom } from "./journal_room.ts";
import { SegmentStore } from "./journal_segments.ts";
import type { OverlayBudget } from "./overlay.ts";
import { replay } from "./replay.ts";
import type { WriteIntake } from "./write_intake.ts";

/** The parts of a front that its start works with. */
export interface FrontStartParts {
  /** What the front was given. */
  readonly options: ArchiveFrontOptions;
  /** Time. */
  readonly clock: Clock;
  /** Has the slots of the overlays. */
  readonly cache: BlockCache;
  /** How many of them the overlays may take. */
  readonly budget: OverlayBudget;
  /** Is given the new journal. */
  readonly intake: WriteIntake;
  /** Opens the volumes that the journal has writes to. */
  readonly disks: Disks;
  /** Makes room while the journal is replayed, and for it later. */
  readonly checkpointer: Checkpointer;
  /** How far the archive is behind. */
  readonly lag: ArchiveLag;
  /** `JournalOptions.settled`. */
  readonly settled: (throughTicket: number, ok: boolean) => void;
  /** `JournalOptions.roomMade`. */
  readonly roomMade: () => void;
}

/**
 * Starts a front; resolves to what knows of the room for its journal. Rejects
 * with a `JournalError` when the journal must not be replayed as it is.
 */
export async function startFront(parts: FrontStartParts): Promise<JournalRoom> {
  const { disk, port, stateId } = parts.options;
  const recoveryOptions: JournalRecoveryOptions = {
    disk,
    clock: parts.clock,
    checksum: await loadChecksum(),
    identity: { archiveId: port.archiveId, epoch: port.epoch, stateId },
  };
  const recovery = await JournalRecovery.open(recoveryOptions);
  try {
    await replayAll(recovery, parts);
  } finally {
    recovery.close();
  }
  await port.beginWrites();
  const room = await startJournal(recovery, recoveryOptions, parts);
  // At once: old segments fill the journal, however few blocks are in them.
  if (parts.budget.slotsUsed > 0) parts.checkpointer.noteWrite(true);
  return room;
}

async function replayAll(
  recovery: JournalRecovery,
  parts: FrontStartParts,
): Promise<void> {
  const { budget, cache, checkpointer, options: { disk, report } } = parts;
  const count = await replay(recovery, {
    open: (record) => openReplayed(record, parts),
    checkpoint: () => checkpointer.checkpoint(),
    budget,
    cache,
    location: disk.location,
  });
  if (count.batches === 0) return;
  report({
    event: "journal-replayed",
    severity: "info",
    message: `Replayed ${counted(count.writes, "write")} in ${
      counted(count.batches, "batch", "batches")
    } from ${disk.location}`,
    ...count,
  });
}

async function openReplayed(
  record: OpenVolumeRecord,
  { disks, options: { disk, port, stateId } }: FrontStartParts,
): Promise<Head> {
  let head = disks.headNamed(record.name);
  head ??= disks.headOf(await port.openView({ volume: record.name }));
  checkStandsOn(record, head.opened, stateId, disk.location);
  return head;
}

async function startJournal(
  recovery: JournalRecovery,
  recoveryOptions: JournalRecoveryOptions,
  parts: FrontStartParts,
): Promise<JournalRoom> {
  const { checkpointer, intake, lag, settled, roomMade } = parts;
  const { budget, disk, port, report, fillRandom } = parts.options;
  const { checksum, clock } = recoveryOptions;
  const segments = new SegmentStore({
    ...recoveryOptions,
    fillRandom: fillRandom ?? ((bytes) => crypto.getRandomValues(bytes)),
    found: recovery.found,
    fillBytes: budget.journalFillBytes ?? 0,
  });
  await segments.prepare();
  const room = new JournalRoom({
    clock,
    report,
    location: disk.location,
    makeRoom: () => checkpointer.makeRoom(),
    isArchiving: async () => {
      const shortage = await port.shortage().catch(() => undefined);
      return checkpointer.archiving && shortage === undefined;
    },
  });
  intake.journal = new Journal({
    segments,
    room,
    checksum,
    clock,
    report,
    journalBytesMax: budget.journalBytesMax,
    batchBytesMax: budget.batchBytesMax ?? BATCH_BYTES_MAX,
    last: recovery.last,
    settled,
    roomMade,
    delayMs: () => backPressureMs(intake.fill, lag.stalledMs),
  });
  intake.journal.start();
  return room;
}
