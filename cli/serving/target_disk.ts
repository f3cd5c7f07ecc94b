/**
 * The disk behind a target: opens what the operator named, and lets go of it
 * when the target is removed.
 *
 * @module
 */

import { type BlockDevice, SECTOR_SIZE } from "../../aoe/block_device.ts";
import type { ViewRequest } from "../../cas/archive_port.ts";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import type { EventSink } from "../../cas/events.ts";
import { openPathDevice } from "../../devices/path_device.ts";
import { ScratchDevice } from "../../devices/scratch_device.ts";
import { openScratchFile } from "../../devices/scratch_file.ts";
import { SparseMemoryDevice } from "../../devices/sparse_memory_device.ts";
import { hostName } from "../state/holder.ts";
import { openFileReads } from "./file_reads.ts";
import type { KeptClone } from "./kept_clone.ts";
import { formatSize } from "../output/size.ts";
import { isPastState, type TargetOption } from "../options/target_option.ts";
import { UsageError } from "../usage_error.ts";

/** An open disk. */
export interface TargetDisk {
  /** The disk. */
  readonly device: BlockDevice;
  /**
   * Makes it larger, or takes note of what has grown by itself when no size is
   * given. Throws a `UsageError`, a `DeviceError` or an `ArchiveError`.
   */
  grow(sizeBytes: number | undefined): Promise<void> | void;
  /** Lets go of it; its target must have stopped. */
  close(): Promise<void>;
  /**
   * Closes the volume behind it, for a server that goes on without it; after
   * `close`. Waits until the archive has its writes. Absent where there is none.
   */
  release?(): Promise<void>;
}

/** An open state of a volume. */
export interface OpenVolume {
  /** Shows it. */
  readonly device: BlockDevice;
  /** Lets go of it, for others to change the volume. */
  release(): Promise<void>;
}

/** Where disks come from. */
export interface DiskSources {
  /** Opens a state of a volume. */
  readonly openVolume: (
    request: ViewRequest,
    how?: { readonly flushRemote: boolean },
  ) => Promise<OpenVolume>;
  /** Opens a volume that another server writes, and moves on with it. */
  readonly followVolume: (
    volume: string,
  ) => Promise<{ readonly disk: BlockDevice; stop(): void }>;
  /** Makes the volume of a clone that is kept, unless there is one. */
  readonly ensureClone: (clone: KeptClone) => Promise<void>;
  /** Makes a volume larger, also for those who have it open. */
  readonly growVolume: (volume: string, blockCount: number) => Promise<void>;
  /** The archive is only read: another server may write it. */
  readonly readOnly: boolean;
  /** Make what is missing. */
  readonly create: boolean;
  /** Folder for the changes of clones; absent to keep them in memory. */
  readonly scratchPath?: string;
  /** Takes events. */
  readonly onEvent: EventSink;
}

/** Opens the disk of a target. */
export async function openTargetDisk(
  option: TargetOption,
  sources: DiskSources,
): Promise<TargetDisk> {
  const { path, memory, sizeBytes } = option;
  if (path !== undefined) return openPath(option, path, sources);
  if (memory && sizeBytes !== undefined) return openMemory(option, sizeBytes);
  if (!isPastState(option)) return await openHead(option, sources);
  if (typeof option.clone === "string") {
    return await openKeptClone(option, option.clone, sources);
  }
  const opened = await sources.openVolume(viewRequest(option, sources));
  if (option.clone) {
    try {
      return openClone(option, opened, sources);
    } catch (error) {
      await opened.release();
      throw error;
    }
  }
  return {
    ...opened,
    grow: () => {
      throw cannotGrow(option, "the past does not change");
    },
    close: () => Promise.resolve(),
  };
}

/** The present of a volume: for writing, or where the archive is only read as it is now. */
async function openHead(
  option: TargetOption,
  sources: DiskSources,
): Promise<TargetDisk> {
  const { volume, follow, flush } = option;
  if (sources.readOnly && volume !== undefined) {
    return await openPresent(option, volume, sources);
  }
  if (follow) {
    throw new UsageError(
      `Target ${
        addressOf(option)
      }: this server writes the archive itself; only with --read-only volumes are followed`,
    );
  }
  const request = viewRequest(option, sources);
  const flushRemote = flush === "remote";
  return {
    ...await sources.openVolume(request, { flushRemote }),
    async grow(sizeBytes): Promise<void> {
      if (sizeBytes === undefined || option.volume === undefined) {
        throw cannotGrow(option, "say how large it is to be");
      }
      await sources.growVolume(option.volume, sizeBytes / BLOCK_SIZE);
    },
    close: () => Promise.resolve(),
  };
}

/** A volume of its own that began as a past state. */
async function openKeptClone(
  option: TargetOption,
  volume: string,
  sources: DiskSources,
): Promise<TargetDisk> {
  const { snapshot, atMs, root, ...tuning } = option;
  if (sources.readOnly) {
    throw new UsageError(
      `Target ${
        addressOf(option)
      }: with --read-only no clone can be kept; leave out the name behind "clone"`,
    );
  }
  await sources.ensureClone({
    source: {
      ...(option.volume === undefined ? {} : { volume: option.volume }),
      ...(snapshot === undefined ? {} : { snapshot }),
      ...(atMs === undefined ? {} : { atMs }),
      ...(root === undefined ? {} : { root }),
    },
    sourceName: describeSource(option),
    volume,
    create: sources.create,
  });
  return await openHead({ ...tuning, volume }, sources);
}

/** What another server has published: the newest state, or always the newest. */
async function openPresent(
  option: TargetOption,
  volume: string,
  { openVolume, followVolume }: DiskSources,
): Promise<TargetDisk> {
  const unchanging = "the archive is served read-only";
  if (!option.follow) {
    return {
      ...await openVolume({ volume }),
      grow: () => {
        throw cannotGrow(option, unchanging);
      },
      close: () => Promise.resolve(),
    };
  }
  const followed = await followVolume(volume);
  return {
    device: followed.disk,
    grow(sizeBytes): void {
      // What has grown by itself is only told.
      if (sizeBytes !== undefined) throw cannotGrow(option, unchanging);
    },
    close(): Promise<void> {
      followed.stop();
      return Promise.resolve();
    },
  };
}

/** The disk as the operator named it, for messages: "disk@monday". */
export function describeDisk(option: TargetOption): string {
  const { clone } = option;
  const source = describeSource(option);
  if (typeof clone === "string") return `${clone}, a clone of ${source}`;
  return clone ? `a clone of ${source}` : source;
}

function describeSource(option: TargetOption): string {
  const { volume, snapshot, atMs, root, path, sizeBytes = 0 } = option;
  if (root !== undefined) return `root:${root}`;
  if (path !== undefined) return `path:${path}`;
  if (volume === undefined) return `memory:${formatSize(sizeBytes)}`;
  const past = atMs === undefined ? snapshot : new Date(atMs).toISOString();
  return past === undefined ? volume : `${volume}@${past}`;
}

/** A target's address as people write it: "1.0". */
export function addressOf({ shelf, slot }: TargetOption): string {
  return `${shelf}.${slot}`;
}

function viewRequest(
  option: TargetOption,
  { create }: DiskSources,
): ViewRequest {
  const { volume, snapshot, atMs, root, sizeBytes } = option;
  return {
    ...(volume === undefined ? {} : { volume }),
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(atMs === undefined ? {} : { atMs }),
    ...(root === undefined ? {} : { root }),
    ...(create && sizeBytes !== undefined
      ? { createBlockCount: sizeBytes / BLOCK_SIZE }
      : {}),
  };
}

function openPath(
  option: TargetOption,
  path: string,
  { create, onEvent }: DiskSources,
): TargetDisk {
  const { sizeBytes } = option;
  const opened = openPathDevice({
    path,
    readOnly: option.readOnly ?? false,
    host: hostName(),
    openReads: openFileReads,
    ...(create && sizeBytes !== undefined ? { createBytes: sizeBytes } : {}),
    onFailure: reporter(option, onEvent),
  });
  return {
    device: opened.device,
    grow: (size) => size === undefined ? opened.refresh() : opened.resize(size),
    close: () => opened.close(),
  };
}

function openMemory(option: TargetOption, sizeBytes: number): TargetDisk {
  const device = new SparseMemoryDevice({
    sectorCount: sizeBytes / SECTOR_SIZE,
    readOnly: false,
    identity: {
      model: "Deepshelf memory",
      serial: randomSerial(),
      firmware: "1",
    },
  });
  return {
    device,
    grow(size): void {
      if (size === undefined || size / SECTOR_SIZE < device.sectorCount) {
        throw cannotGrow(option, "give it a size above its present one");
      }
      device.grow(size / SECTOR_SIZE);
    },
    close: () => Promise.resolve(),
  };
}

/** A writable layer over a state that does not change, dropped at exit. */
function openClone(
  option: TargetOption,
  { device: base, release }: OpenVolume,
  { scratchPath, onEvent }: DiskSources,
): TargetDisk {
  const { sectorCount } = base;
  // Every start makes another disk: nobody may take it for the last one.
  const identity = { ...base.identity, serial: randomSerial() };
  const file = scratchPath === undefined ? undefined : openScratchFile({
    folder: scratchPath,
    name: `${addressOf(option)}-${identity.serial}`,
    sectorCount,
    openReads: openFileReads,
    onFailure: reporter(option, onEvent),
  });
  const changes = file?.device ??
    new SparseMemoryDevice({ sectorCount, readOnly: false, identity });
  return {
    device: new ScratchDevice({ base, changes, identity }),
    grow: () => {
      throw cannotGrow(option, "it has the size of its snapshot");
    },
    close: async () => await file?.close(),
    release,
  };
}

function cannotGrow(option: TargetOption, why: string): UsageError {
  return new UsageError(
    `Cannot grow target ${addressOf(option)}, ${describeDisk(option)}: ${why}`,
  );
}

function reporter(
  option: TargetOption,
  onEvent: EventSink,
): (message: string) => void {
  const target = addressOf(option);
  return (message) =>
    onEvent({
      event: "disk-failed",
      severity: "admin",
      message: `Target ${target}: ${message}`,
      target,
    });
}

/** An ATA serial number: 20 characters. */
function randomSerial(): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, 20).toUpperCase();
}
