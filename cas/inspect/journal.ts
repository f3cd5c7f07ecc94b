/**
 * A segment of the journal in words (docs/format.md, "Journal").
 *
 * @module
 */

import {
  BATCH_ALIGNMENT,
  batchLength,
  batchSequence,
  decodeSegmentHeader,
  looksLikeBatch,
  RecordType,
  verifyBatch,
} from "../front/journal_format.ts";
import { loadChecksum } from "../front/journal_checksum.ts";
import { decodeRecords } from "../front/journal_records.ts";
import {
  type InspectedValue,
  type Inspection,
  unreadable,
} from "./inspection.ts";

const KIND = "journal segment";

/** Describes a segment and the records of its sound batches. */
export async function inspectJournal(bytes: Uint8Array): Promise<Inspection> {
  const checksum = await loadChecksum();
  const header = decodeSegmentHeader(bytes, checksum);
  if (typeof header === "string") return unreadable(KIND, header);
  const { number, nonce } = header;
  const entries: Record<string, InspectedValue>[] = [];
  const faults: string[] = [];
  let batchCount = 0;
  let at = BATCH_ALIGNMENT;
  while (looksLikeBatch(bytes.subarray(at), number)) {
    const end = at + batchLength(bytes.subarray(at));
    const batch = bytes.subarray(at, end);
    if (end > bytes.length || !verifyBatch(batch, nonce, checksum)) {
      faults.push(
        `its batch at byte ${at} does not verify: a torn tail, or damage if sound batches follow`,
      );
      break;
    }
    const fault = addRecords(batch, at, entries);
    if (fault !== undefined) faults.push(fault);
    batchCount++;
    at = end;
  }
  return {
    kind: KIND,
    faults,
    fields: {
      segment: number,
      "archive id": header.archiveId,
      "state id": header.stateId,
      epoch: header.epoch,
      batches: batchCount,
      "bytes used": at,
    },
    entries,
  };
}

function addRecords(
  batch: Uint8Array,
  at: number,
  entries: Record<string, InspectedValue>[],
): string | undefined {
  const records = decodeRecords(batch);
  if (typeof records === "string") {
    return `of its batch at byte ${at}: ${records}`;
  }
  const sequence = batchSequence(batch);
  const names = new Map<number, string>();
  for (const record of records) {
    if (record.type === RecordType.OpenVolume) {
      names.set(record.volumeNumber, record.name);
      continue;
    }
    entries.push({
      batch: sequence,
      offset: at + record.offset,
      volume: names.get(record.volumeNumber) ?? `number ${record.volumeNumber}`,
      lba: record.lba,
      sectors: record.sectorCount,
    });
  }
  return undefined;
}
