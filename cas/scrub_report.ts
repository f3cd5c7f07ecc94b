/**
 * What a scrub tells: a reading of all bytes of an archive.
 *
 * @module
 */

import type { DifferentSectors } from "./volume_states.ts";

/** A block of a damaged pack that does not verify. */
export interface DamagedBlock {
  /** The first 160 bits of its score, 40 hexadecimal digits. */
  readonly score: string;
  /** A `BlockKind`. */
  readonly kind: number;
  /** First byte within the pack. */
  readonly offset: number;
  /** Stored bytes. */
  readonly length: number;
  /** True when no other pack holds it. */
  readonly lost: boolean;
}

/** A blob that is not as it was stored. */
export interface ScrubFault {
  /** Its key. */
  readonly key: string;
  /** What is wrong, as half a sentence. */
  readonly reason: string;
  /** Of a pack, the blocks that do not verify: the first sixteen. */
  readonly blocks: readonly DamagedBlock[];
  /** How many do not verify. */
  readonly blockCount: number;
}

/** What damage means for a volume. */
export interface TouchedVolume {
  /** Its name. */
  readonly volume: string;
  /** Its id, 32 hexadecimal digits. */
  readonly volumeId: string;
  /** States that cannot be read whole. */
  readonly stateCount: number;
  /** Sequence of the newest of them. */
  readonly sequence: number;
  /** True when that one is the present state. */
  readonly present: boolean;
  /** Snapshots of such states. */
  readonly snapshots: readonly string[];
  /** Damaged sectors of that newest state: the first thousand ranges. */
  readonly sectors: readonly DifferentSectors[];
  /** How many sectors of it are damaged. */
  readonly sectorCount: number;
}

/** A copy of the index that is damaged, or of another version. */
export interface UselessCopy {
  /** Its key. */
  readonly key: string;
  /** What is wrong with it, as half a sentence. */
  readonly reason: string;
}

/** What a scrub has read and found. */
export interface ScrubReport {
  /** When it began, milliseconds since 1970. */
  readonly startedMs: number;
  /** When it ended; absent while it is under way. */
  readonly endedMs?: number;
  /** How much of the packs it reads, in percent; below 100 it reads nothing else. */
  readonly samplePercent: number;
  /** How much of that is done, 0 to 1. */
  readonly progress: number;
  /** Blobs read and verified. */
  readonly blobCount: number;
  /** Packs among them. */
  readonly packCount: number;
  /** Blocks of these packs. */
  readonly blockCount: number;
  /** Bytes of all these blobs. */
  readonly byteCount: number;
  /** Damaged and missing blobs: the first five hundred. */
  readonly faults: readonly ScrubFault[];
  /** How many there are. */
  readonly faultCount: number;
  /** Copies of the index that are of no use, the first of them: no data is lost with them, and they are no faults. */
  readonly uselessCopies?: readonly UselessCopy[];
  /** Volumes that have damage; told when the scrub has ended. */
  readonly touched?: readonly TouchedVolume[];
}

/** The scrub under way and the last one that ended, where there are such. */
export interface ScrubStatus {
  /** Under way; it may be resting. */
  readonly current?: ScrubReport;
  /** Ended last. */
  readonly last?: ScrubReport;
}
