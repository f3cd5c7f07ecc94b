/**
 * Takes a verified batch apart again.
 *
 * @module
 */

import { paddedNameLength } from "./journal_batch.ts";
import {
  Batch,
  BATCH_HEADER_LENGTH,
  OpenVolume,
  readNumber,
  Record,
  RECORD_HEADER_LENGTH,
  RecordType,
  viewOf,
} from "./journal_format.ts";

const SECTOR_SIZE = 512;
const ID_LENGTH = 16;

/** A volume to which later records of the batch write. */
export interface OpenVolumeRecord {
  /** Tells it from a write. */
  readonly type: typeof RecordType.OpenVolume;
  /** Short for the volume, within the batch. */
  readonly volumeNumber: number;
  /** The volume's name. */
  readonly name: string;
  /** Its id, 32 hexadecimal digits. */
  readonly volumeId: string;
  /** Sequence of the root on which the writes stand. */
  readonly baseSequence: number;
  /** Who wrote that root, 32 hexadecimal digits. */
  readonly baseWriterId: string;
}

/** Sectors of a volume. */
export interface WriteRecord {
  /** Tells it from an opened volume. */
  readonly type: typeof RecordType.Write;
  /** Short for the volume, within the batch. */
  readonly volumeNumber: number;
  /** First sector. */
  readonly lba: number;
  /** How many. */
  readonly sectorCount: number;
  /** Where in the batch the sectors are. */
  readonly offset: number;
}

/** The records of a batch, or a text of what is wrong where they should be. */
export function decodeRecords(
  batch: Uint8Array,
): (OpenVolumeRecord | WriteRecord)[] | string {
  const view = viewOf(batch);
  const records: (OpenVolumeRecord | WriteRecord)[] = [];
  const recordCount = view.getUint32(Batch.recordCount, true);
  let at = BATCH_HEADER_LENGTH;
  while (records.length < recordCount) {
    const payload = at + RECORD_HEADER_LENGTH;
    if (payload > batch.length) return "its records do not fit into it";
    const type = view.getUint32(at + Record.type, true);
    const volumeNumber = view.getUint32(at + Record.volumeNumber, true);
    const position = readNumber(view, at + Record.position);
    const count = view.getUint32(at + Record.count, true);
    if (type === RecordType.Write) {
      records.push({
        type,
        volumeNumber,
        lba: position,
        sectorCount: count,
        offset: payload,
      });
      at = payload + count * SECTOR_SIZE;
    } else if (type === RecordType.OpenVolume) {
      records.push({
        type,
        volumeNumber,
        baseSequence: position,
        ...decodeVolume(batch.subarray(payload), count),
      });
      at = payload + OpenVolume.name + paddedNameLength(count);
    } else {
      return `it has a record of type ${type}, which this program does not know`;
    }
    if (at > batch.length) return "its records do not fit into it";
  }
  return records;
}

function decodeVolume(
  payload: Uint8Array,
  nameLength: number,
): Pick<OpenVolumeRecord, "name" | "volumeId" | "baseWriterId"> {
  function id(offset: number): string {
    return payload.subarray(offset, offset + ID_LENGTH).toHex();
  }
  const name = payload.subarray(OpenVolume.name, OpenVolume.name + nameLength);
  return {
    name: new TextDecoder().decode(name),
    volumeId: id(OpenVolume.volumeId),
    baseWriterId: id(OpenVolume.writerId),
  };
}
