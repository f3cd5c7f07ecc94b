/**
 * Applies a recovered journal to the overlays, archiving whenever they are
 * full: a journal may be larger than the memory.
 *
 * @module
 */

import type { BlockCache } from "./block_cache.ts";
import type { Head } from "./head.ts";
import { JournalError, withoutJournalAdvice } from "./journal_errors.ts";
import { RecordType } from "./journal_format.ts";
import {
  decodeRecords,
  type OpenVolumeRecord,
  type WriteRecord,
} from "./journal_records.ts";
import type { JournalRecovery, RecoveredBatch } from "./journal_recovery.ts";
import type { OverlayBudget } from "./overlay.ts";
import { blockSpan, writeToOverlay } from "./volume.ts";

/** What a replay needs of the archive front. */
export interface ReplayTarget {
  /** Opens the volume of a record; throws when the writes do not belong to it. */
  open(record: OpenVolumeRecord): Promise<Head>;
  /** Makes room in the overlays. */
  checkpoint(): Promise<void>;
  /** Slots of all overlays. */
  readonly budget: OverlayBudget;
  /** The slots themselves. */
  readonly cache: BlockCache;
  /** Where the journal is. */
  readonly location: string;
}

/** What was replayed. */
export interface ReplayCount {
  /** Batches. */
  readonly batches: number;
  /** Writes in them. */
  readonly writes: number;
}

/** Replays all batches in order. Rejects with a `JournalError`. */
export async function replay(
  recovery: JournalRecovery,
  target: ReplayTarget,
): Promise<ReplayCount> {
  let batches = 0;
  let writes = 0;
  for await (const batch of recovery.batches()) {
    batches++;
    writes += await replayBatch(batch, target);
  }
  return { batches, writes };
}

async function replayBatch(
  batch: RecoveredBatch,
  target: ReplayTarget,
): Promise<number> {
  const records = decodeRecords(batch.bytes);
  if (typeof records === "string") throw damaged(batch, target, records);
  const heads: Map<number, Head> = new Map();
  let writes = 0;
  for (const record of records) {
    if (record.type === RecordType.OpenVolume) {
      heads.set(record.volumeNumber, await target.open(record));
      continue;
    }
    const head = heads.get(record.volumeNumber);
    if (head === undefined) {
      throw damaged(batch, target, "it writes to a volume it does not name");
    }
    const sectorsMax = head.view.blockCount * 8;
    if (record.lba + record.sectorCount > sectorsMax) {
      throw damaged(batch, target, `it writes beyond the end of ${head.name}`);
    }
    await applyWrite(head, record, batch.bytes, target);
    writes++;
  }
  return writes;
}

async function applyWrite(
  head: Head,
  record: WriteRecord,
  bytes: Uint8Array,
  target: ReplayTarget,
): Promise<void> {
  const { overlay } = head.view;
  const { firstBlock, lastBlock } = blockSpan(record);
  const needed = overlay?.slotsNeeded(firstBlock, lastBlock) ?? 0;
  if (!target.budget.hasRoom(needed)) await target.checkpoint();
  const { offset } = record;
  writeToOverlay(head.view, target.cache.pool.bytes, record, bytes, offset);
}

function damaged(
  batch: RecoveredBatch,
  target: ReplayTarget,
  what: string,
): JournalError {
  return new JournalError(
    "Damaged",
    `Cannot replay the batch in ${batch.place}: ${what}. ${
      withoutJournalAdvice(target.location)
    }`,
  );
}
