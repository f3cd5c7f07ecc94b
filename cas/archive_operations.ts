/**
 * What can be asked of an archive beside disks: its volumes, their past states,
 * and what lies between two of them. One list of operations, from which the
 * thread's messages, the control socket and the commands all take their types.
 *
 * Requests and results are plain JSON: they cross threads and processes.
 *
 * @module
 */

import type { IndexStatistics } from "./index/score_index.ts";
import type { ScrubReport, ScrubStatus } from "./scrub_report.ts";
import type { PackCacheStatistics } from "../blobstores/layers/cache_statistics.ts";
import type { StoreMetrics } from "../blobstores/layers/metrics.ts";
import type { ArchivePort, SnapshotDescription } from "./archive_port.ts";
import type { TransferOperations } from "./transfer_operations.ts";
import type {
  DiffPage,
  HistoryPage,
  StateDescription,
  StateReference,
} from "./volume_states.ts";

/**
 * What content comes to. Counted exactly up to 262,144 distinct blocks; beyond,
 * the distinct ones are estimated from a sample, within about 0.3 %.
 */
export interface ContentStatistics {
  /** Data blocks that are not zeros. */
  readonly blockCount: number;
  /** Distinct ones of them. */
  readonly uniqueCount: number;
  /** Stored bytes of the distinct ones. */
  readonly storedBytes: number;
  /** Distinct blocks that no pack is known to hold. */
  readonly missingCount: number;
  /** Blocks hidden by pointer blocks that cannot be read. */
  readonly hiddenCount: number;
  /** True when `uniqueCount`, `storedBytes` and `missingCount` are estimates. */
  readonly estimated: boolean;
}

/** Statistics of one state. */
export interface StateStatistics extends ContentStatistics {
  /** Which. */
  readonly state: StateDescription;
  /** The snapshot's name; absent for the head of a volume. */
  readonly snapshot?: string;
}

/** Statistics of an archive. */
export interface ArchiveStatistics {
  /** Heads of volumes and their snapshots, by volume. */
  readonly states: readonly StateStatistics[];
  /** Of all these states together. */
  readonly total: ContentStatistics;
  /** Packs in the store. */
  readonly packCount: number;
  /** Bytes of these packs: blocks, pointer blocks, roots and directories of the whole history. */
  readonly packBytes: number;
  /** What scrubs have found. */
  readonly scrub: ScrubStatus;
  /** How the index of whoever counted is doing. */
  readonly index: IndexStatistics;
}

/** What a store was asked. */
export interface StoreStatistics {
  /** Its URL without secrets. */
  readonly display: string;
  /** Operations by name: counts, bytes, errors, times. */
  readonly operations: StoreMetrics;
  /** The local cache of its packs; absent where there is none. */
  readonly cache?: PackCacheStatistics;
}

/** What a check of the structure found. */
export interface CheckResult {
  /** Roots, of the whole history of all volumes. */
  readonly rootCount: number;
  /** Snapshots. */
  readonly snapshotCount: number;
  /** Packs in the store. */
  readonly packCount: number;
  /** Distinct pointer blocks, each read and verified. */
  readonly pointerCount: number;
  /** Data blocks that they point to, each looked up, none read. */
  readonly blockCount: number;
  /** What is wrong: the first thousand, as sentences. */
  readonly faults: readonly string[];
  /** How much is wrong. */
  readonly faultCount: number;
}

/** Every operation: what it is asked, and what it answers. */
export interface ArchiveOperations extends TransferOperations {
  /** Volumes by name, or the retired ones. */
  readonly "volume list": {
    readonly request: { readonly retired?: boolean };
    readonly result: readonly StateDescription[];
  };
  /** Makes a volume of zeros. */
  readonly "volume create": {
    readonly request: { readonly volume: string; readonly blockCount: number };
    readonly result: StateDescription;
  };
  /** Makes a volume that begins as a state of another; copies nothing. */
  readonly "clone": {
    readonly request: {
      readonly source: StateReference;
      readonly volume: string;
    };
    readonly result: StateDescription;
  };
  /** Makes a volume larger; the new blocks are zeros. */
  readonly "volume grow": {
    readonly request: { readonly volume: string; readonly blockCount: number };
    readonly result: StateDescription;
  };
  /** Gives a volume another name. */
  readonly "volume rename": {
    readonly request: { readonly volume: string; readonly name: string };
    readonly result: StateDescription;
  };
  /** Hides a volume and frees its name; nothing is deleted. */
  readonly "volume retire": {
    readonly request: { readonly volume: string };
    readonly result: StateDescription;
  };
  /** Brings a retired volume back, by name or id, under a new name if given. */
  readonly "volume unretire": {
    readonly request: { readonly volume: string; readonly name?: string };
    readonly result: StateDescription;
  };
  /** Moves a volume's head to an old state of its own; the present one stays in the history. */
  readonly "restore": {
    readonly request: {
      readonly volume: string;
      readonly state: StateReference;
    };
    readonly result: StateDescription;
  };
  /**
   * All snapshots but those of retired volumes, or those of one volume, oldest
   * first: those in use, or with `retired` those that were taken off the list.
   */
  readonly "snapshot list": {
    readonly request: { readonly volume?: string; readonly retired?: boolean };
    readonly result: readonly SnapshotDescription[];
  };
  /** Takes a snapshot off the list; it can still be named, and nothing is deleted. */
  readonly "snapshot retire": {
    readonly request: { readonly volume: string; readonly name: string };
    readonly result: SnapshotDescription;
  };
  /** Names a state. */
  readonly "snapshot create": {
    readonly request: { readonly state: StateReference; readonly name: string };
    readonly result: SnapshotDescription;
  };
  /** Which state a reference means. */
  readonly "state": {
    readonly request: { readonly state: StateReference };
    readonly result: StateDescription;
  };
  /** States of a volume, newest first, from `fromSequence` if given. */
  readonly "history": {
    readonly request: {
      readonly volume: string;
      readonly fromSequence?: number;
      readonly countMax: number;
    };
    readonly result: HistoryPage;
  };
  /** What volumes and snapshots come to, of all volumes or of one. */
  readonly "stats": {
    readonly request: { readonly volume?: string };
    readonly result: ArchiveStatistics;
  };
  /** What the store was asked since the archive was opened, and how it answered. */
  readonly "store stats": {
    readonly request: Readonly<Record<never, never>>;
    readonly result: StoreStatistics;
  };
  /** Whether every root reaches every one of its blocks; reads no data. */
  readonly "check": {
    readonly request: Readonly<Record<never, never>>;
    readonly result: CheckResult;
  };
  /**
   * Reads and verifies the next blobs of a scrub, until `byteCountMax` bytes
   * were read: a step. It begins a scrub where none is under way, or where
   * `restart` says so; of a sample only `samplePercent` of the packs are read.
   */
  readonly "scrub": {
    readonly request: {
      readonly byteCountMax: number;
      readonly samplePercent?: number;
      readonly restart?: boolean;
    };
    readonly result: ScrubReport;
  };
  /** How the index is doing. */
  readonly "index status": {
    readonly request: Readonly<Record<never, never>>;
    readonly result: IndexStatistics;
  };
  /** What scrubs have found. */
  readonly "scrub status": {
    readonly request: Readonly<Record<never, never>>;
    readonly result: ScrubStatus;
  };
  /** Makes the index anew from the packs, with `index-rebuild` events. */
  readonly "rebuild": {
    readonly request: Readonly<Record<never, never>>;
    readonly result: { readonly packCount: number };
  };
  /** Sectors that differ between two states, from `fromBlock` if given. */
  readonly "diff": {
    readonly request: {
      readonly from: StateReference;
      readonly to: StateReference;
      readonly fromBlock?: number;
      readonly countMax: number;
    };
    readonly result: DiffPage;
  };
}

/** The name of an operation. */
export type OperationName = keyof ArchiveOperations;

/** What an operation is asked. */
export type OperationRequest<Name extends OperationName> =
  ArchiveOperations[Name]["request"];

/** What an operation answers. */
export type OperationResult<Name extends OperationName> =
  ArchiveOperations[Name]["result"];

/** All names, so that a message can ask for nothing else. */
export const OPERATION_NAMES: readonly OperationName[] = [
  "volume list",
  "volume create",
  "clone",
  "volume grow",
  "volume rename",
  "volume retire",
  "volume unretire",
  "restore",
  "snapshot list",
  "snapshot create",
  "snapshot retire",
  "state",
  "history",
  "stats",
  "store stats",
  "check",
  "scrub",
  "scrub status",
  "index status",
  "rebuild",
  "diff",
  "locate",
  "packs add",
  "import check",
  "import",
];

/** Whoever carries out operations. */
export interface ArchiveOperator {
  /**
   * Carries one out. Rejects with an `ArchiveError`: `InUse` where a change is
   * asked of a volume that is open, and so may have writes that are not yet in
   * the archive.
   */
  operate<Name extends OperationName>(
    name: Name,
    request: OperationRequest<Name>,
  ): Promise<OperationResult<Name>>;
}

/** An open archive: disks, and all that can be asked of it. */
export type OpenedArchive = ArchivePort & ArchiveOperator;
