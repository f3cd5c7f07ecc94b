/**
 * States of volumes, their history, and what lies between two of them, as
 * operations name and describe them. Plain JSON: it crosses threads and
 * processes.
 *
 * @module
 */

/**
 * One state of a volume: its head where only `volume` is given, else the one
 * that `snapshot`, `atMs` or, without a volume, `root` names.
 */
export interface StateReference {
  /** The volume's name; absent when `root` names the state. */
  readonly volume?: string;
  /** A snapshot of that volume. */
  readonly snapshot?: string;
  /** Milliseconds since 1970: its newest state not after this time. */
  readonly atMs?: number;
  /** A root hash, 64 hexadecimal digits. */
  readonly root?: string;
}

/** One state of one volume. */
export interface StateDescription {
  /** The volume's name in this state. */
  readonly volume: string;
  /** The volume's id, 32 hexadecimal digits. */
  readonly volumeId: string;
  /** Its place among the volume's states. */
  readonly sequence: number;
  /** When it was made, milliseconds since 1970. */
  readonly timeMs: number;
  /** Size in blocks of 4096 bytes. */
  readonly blockCount: number;
  /** Hash of the root record, 64 hexadecimal digits. */
  readonly rootHash: string;
  /** Root hash of the state whose content it took over, if it did. */
  readonly parentHash?: string;
  /** Set when the volume is retired in this state. */
  readonly retired?: true;
}

/** A state in a history. */
export interface HistoryEntry extends StateDescription {
  /** Data blocks of this volume that its checkpoint wrote. */
  readonly blocksWritten: number;
  /** Those of them that were stored for the first time. */
  readonly blocksNew: number;
  /** Packs that its checkpoint wrote, for all volumes. */
  readonly packCount: number;
  /** Bytes of these packs. */
  readonly packBytes: number;
}

/** A state whose root blob cannot be read. */
export interface DamagedEntry {
  /** Its place among the volume's states. */
  readonly sequence: number;
  /** What is wrong and how to mend it. */
  readonly damage: string;
}

/** Part of a history. */
export interface HistoryPage {
  /** Newest first. */
  readonly entries: readonly (HistoryEntry | DamagedEntry)[];
  /** Where the next page begins; absent at the end of the history. */
  readonly nextSequence?: number;
}

/** Sectors of 512 bytes. */
export interface DifferentSectors {
  /** First sector. */
  readonly lba: number;
  /** How many. */
  readonly sectorCount: number;
  /** Set when damage hides whether they differ. */
  readonly damaged?: true;
}

/** Part of a comparison. */
export interface DiffPage {
  /** Ascending, without overlaps; whole blocks. */
  readonly ranges: readonly DifferentSectors[];
  /** Where the next page begins; absent at the end. */
  readonly nextBlock?: number;
}
