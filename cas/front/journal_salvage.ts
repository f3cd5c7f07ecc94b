/**
 * What can be kept of a journal that recovery refuses: every batch that proves
 * itself, by its checksum with the random number of its segment, wherever in the
 * files it stands; and what is known of those that do not.
 *
 * It only reads. A new journal is written by `writeSalvaged` into a directory of
 * its own.
 *
 * @module
 */

import type { Disk } from "../disk/disk.ts";
import { NO_CHECKSUM } from "./journal.ts";
import {
  Batch,
  BATCH_ALIGNMENT,
  BATCH_HEADER_LENGTH,
  batchLength,
  batchSequence,
  type Checksum,
  CHECKSUM_LENGTH,
  decodeSegmentHeader,
  encodeSegmentHeader,
  equalAt,
  looksLikeBatch,
  parseSegmentName,
  RecordType,
  sealBatch,
  segmentIdentity,
  segmentName,
  verifyBatch,
  viewOf,
} from "./journal_format.ts";
import { decodeRecords } from "./journal_records.ts";
import type { JournalIdentity } from "./journal_segments.ts";

/** A write in a batch. */
export interface SalvagedWrite {
  /** The volume's id, 32 hexadecimal digits. */
  readonly volumeId: string;
  /** Its name when it was written. */
  readonly volume: string;
  /** Sequence of the root on which it stands. */
  readonly baseSequence: number;
  /** First sector. */
  readonly lba: number;
  /** How many. */
  readonly sectorCount: number;
}

/** A batch that was found. */
export interface FoundBatch {
  /** Its sequence. */
  readonly sequence: number;
  /** Name of the segment's file. */
  readonly segment: string;
  /** Where it begins there. */
  readonly position: number;
  /** Its length. */
  readonly length: number;
  /** True if it follows the batch before it, by checksum. */
  readonly follows: boolean;
  /** What it writes. */
  readonly writes: readonly SalvagedWrite[];
}

/** A place where batches are lost. */
export interface LostBatches {
  /** Sequence of the first that is lost; at the begin of a journal, as far as known. */
  readonly first: number;
  /** How many. */
  readonly count: number;
  /**
   * Writes that stand where they should be, as far as they can still be read:
   * without a checksum, so a hint and no proof.
   */
  readonly writes: readonly SalvagedWrite[];
}

/** What a journal holds. */
export interface SalvageReport {
  /** Whose it is; absent when no segment tells. */
  readonly identity?: JournalIdentity;
  /** Sound batches by sequence, each once. */
  readonly batches: readonly FoundBatch[];
  /** Sound batches before the first damage. */
  readonly keptBefore: number;
  /** What is missing between them. */
  readonly lost: readonly LostBatches[];
  /** What is wrong with the files, as sentences. */
  readonly faults: readonly string[];
}

interface Segment {
  /** False where its header does not match its checksum. */
  readonly sound: boolean;
  readonly name: string;
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly nonce: Uint8Array;
  readonly identity: JournalIdentity;
}

interface Suspect {
  readonly sequence: number;
  readonly fault: string;
  readonly writes: readonly SalvagedWrite[];
}

/** Reads a journal; changes nothing. */
export function surveyJournal(disk: Disk, checksum: Checksum): SalvageReport {
  const faults: string[] = [];
  const found = new Map<number, FoundBatch & { readonly sums: Sums }>();
  const suspects: Suspect[] = [];
  let identity: JournalIdentity | undefined;
  for (const name of disk.list().sort()) {
    const segment = readSegment(disk, name, checksum, faults);
    if (segment === undefined) continue;
    // A damaged header may say something else than it did.
    if (segment.sound || identity === undefined) identity = segment.identity;
    // A batch that failed in one segment was written again in the next.
    const sound = batchesOf(segment, checksum, suspects, faults);
    for (const batch of sound) {
      found.set(batch.sequence, batch);
    }
  }
  const sorted = [...found.values()].sort((a, b) => a.sequence - b.sequence);
  const batches = sorted.map(({ sums, ...batch }, index): FoundBatch => {
    const before = sorted[index - 1];
    const follows = before === undefined ||
      (before.sequence + 1 === batch.sequence &&
        equalAt(sums.previous, 0, before.sums.own));
    return { ...batch, follows };
  });
  // What stands behind the last sound batch is a torn tail, which nobody was told of.
  const last = batches.at(-1)?.sequence ?? 0;
  for (const { sequence, fault } of suspects) {
    if (sequence <= last) faults.push(fault);
  }
  const [first] = batches;
  const beginLost = first !== undefined && (first.position > BATCH_ALIGNMENT ||
    suspects.some(({ sequence }) => sequence < first.sequence));
  const broken = beginLost ? 0 : batches.findIndex(({ follows }) => !follows);
  return {
    ...(identity === undefined ? {} : { identity }),
    batches,
    keptBefore: broken < 0 ? batches.length : broken,
    lost: lostBetween(batches, suspects, beginLost),
    faults,
  };
}

/** Writes batches of a damaged journal as a journal of its own, in one segment. */
export async function writeSalvaged(
  from: Disk,
  to: Disk,
  batches: readonly FoundBatch[],
  seal: {
    readonly identity: JournalIdentity;
    readonly checksum: Checksum;
    readonly nonce: Uint8Array;
  },
): Promise<void> {
  const { identity, checksum, nonce } = seal;
  const [first] = batches;
  if (first === undefined) return await to.syncDirectory();
  const number = 1 + Math.max(
    ...from.list().map((name) => parseSegmentName(name) ?? 0),
  );
  const file = to.create(segmentName(number));
  try {
    const header = { number, nonce, ...identity };
    file.write(encodeSegmentHeader(header, checksum), 0);
    let position = BATCH_ALIGNMENT;
    let sequence = first.sequence;
    let previousChecksum: Uint8Array = NO_CHECKSUM;
    for (const { segment, position: at, length } of batches) {
      const source = from.open(segment);
      const batch = new Uint8Array(length);
      source.read(batch, at);
      source.close();
      const recordCount = viewOf(batch).getUint32(Batch.recordCount, true);
      const place = { segment: { number, nonce }, sequence, previousChecksum };
      previousChecksum = sealBatch(batch, recordCount, place, checksum).slice();
      file.write(batch, position);
      position += length;
      sequence++;
    }
    await file.sync();
  } finally {
    file.close();
  }
  await to.syncDirectory();
}

function readSegment(
  disk: Disk,
  name: string,
  checksum: Checksum,
  faults: string[],
): Segment | undefined {
  const number = parseSegmentName(name);
  if (number === undefined) return undefined;
  const file = disk.open(name);
  const bytes = new Uint8Array(file.size);
  const count = file.read(bytes, 0);
  file.close();
  const header = decodeSegmentHeader(
    bytes.subarray(0, BATCH_ALIGNMENT),
    checksum,
  );
  if (typeof header === "string") {
    faults.push(`${name}: ${header}`);
  }
  // Even behind a damaged header its random number may be sound: then it fits the batches.
  const read = typeof header === "string" ? segmentIdentity(bytes) : header;
  if (read === undefined) return undefined;
  const { nonce, archiveId, stateId, epoch } = read;
  const identity = { archiveId, stateId, epoch };
  const sound = typeof header !== "string";
  const content = bytes.subarray(0, count);
  return { sound, name, number, bytes: content, nonce, identity };
}

interface Sums {
  readonly previous: Uint8Array;
  readonly own: Uint8Array;
}

function batchesOf(
  { name, number, bytes, nonce }: Segment,
  checksum: Checksum,
  suspects: Suspect[],
  faults: string[],
): (FoundBatch & { readonly sums: Sums })[] {
  const found: (FoundBatch & { readonly sums: Sums })[] = [];
  let position = BATCH_ALIGNMENT;
  while (position + BATCH_HEADER_LENGTH <= bytes.length) {
    const rest = bytes.subarray(position);
    const length = looksLikeBatch(rest, number) ? batchLength(rest) : 0;
    const batch = rest.subarray(0, length);
    if (length === 0 || length > rest.length) {
      position += BATCH_ALIGNMENT;
      continue;
    }
    const sequence = batchSequence(batch);
    const writes = writesOf(batch);
    if (!verifyBatch(batch, nonce, checksum)) {
      suspects.push({
        sequence,
        writes: typeof writes === "string" ? [] : writes,
        fault:
          `${name}: the batch at byte ${position} does not match its checksum`,
      });
      position += BATCH_ALIGNMENT;
      continue;
    }
    if (typeof writes === "string") {
      faults.push(`${name}: of the batch at byte ${position} ${writes}`);
    } else {
      const sums = {
        previous: batch.slice(
          Batch.previousChecksum,
          Batch.previousChecksum + CHECKSUM_LENGTH,
        ),
        own: batch.slice(Batch.checksum, Batch.checksum + CHECKSUM_LENGTH),
      };
      found.push({
        sequence,
        segment: name,
        position,
        length,
        follows: true,
        writes,
        sums,
      });
    }
    position += length;
  }
  return found;
}

function writesOf(batch: Uint8Array): SalvagedWrite[] | string {
  const records = decodeRecords(batch);
  if (typeof records === "string") return records;
  const volumes = new Map<number, Omit<SalvagedWrite, "lba" | "sectorCount">>();
  const writes: SalvagedWrite[] = [];
  for (const record of records) {
    if (record.type === RecordType.OpenVolume) {
      const { name: volume, volumeId, baseSequence } = record;
      volumes.set(record.volumeNumber, { volume, volumeId, baseSequence });
      continue;
    }
    const volume = volumes.get(record.volumeNumber);
    if (volume === undefined) return "it writes to a volume it does not name";
    const { lba, sectorCount } = record;
    writes.push({ ...volume, lba, sectorCount });
  }
  return writes;
}

function lostBetween(
  batches: readonly FoundBatch[],
  suspects: readonly Suspect[],
  beginLost: boolean,
): LostBatches[] {
  const lost: LostBatches[] = [];
  const add = (first: number, count: number): void => {
    const writes = suspects
      .filter(({ sequence }) => sequence >= first && sequence < first + count)
      .flatMap((it) => it.writes);
    lost.push({ first, count, writes });
  };
  for (const [index, { sequence }] of batches.entries()) {
    const before = batches[index - 1];
    if (before === undefined || sequence === before.sequence + 1) continue;
    add(before.sequence + 1, sequence - before.sequence - 1);
  }
  const begin = batches[0]?.sequence;
  if (begin !== undefined && beginLost) {
    // Of a batch whose header is damaged not even the sequence is known.
    const oldest = Math.min(...suspects.map((it) => it.sequence), begin - 1);
    add(oldest, begin - oldest);
  }
  return lost.sort((a, b) => a.first - b.first);
}
