/**
 * What a target is made of, and what it counts.
 *
 * @module
 */

import type { BlockDevice } from "./block_device.ts";
import type { StateListener } from "./live_state.ts";
import { SECTOR_COUNT_MAX } from "./port.ts";
import { SHELF_BROADCAST, SLOT_BROADCAST } from "./header.ts";
import {
  emptyTargetState,
  requireMacs,
  requireTargetState,
  type TargetState,
} from "./target_state.ts";

/** Options of a target. */
export interface TargetOptions {
  /** Shelf, 0 to 65534. */
  readonly shelf: number;
  /** Slot, 0 to 254. */
  readonly slot: number;
  /** The disk. */
  readonly device: BlockDevice;
  /**
   * Most sectors of one command, 2 to 128, 16 by default. What is advertised
   * on a link is also cut to what its MTU carries.
   */
  readonly sectorCountMax?: number;
  /**
   * Requests an initiator may have outstanding, 2 to 65535, 64 by default.
   * With 1 Linux computes a window of 0 and the disk never comes up; beyond 64
   * it takes no notice.
   */
  readonly bufferCount?: number;
  /** Reported as firmware version, 0 to 65535, 1 by default. */
  readonly firmwareVersion?: number;
  /** Serial number for IDENTIFY, instead of the device's. */
  readonly serial?: string;
  /** Refuse writes although the device takes them. False by default. */
  readonly readOnly?: boolean;
  /**
   * Hosts, 6 bytes each, that the target listens to; everybody by default. For
   * all others it does not exist. Unlike the MAC mask it cannot be changed over
   * the network. Addresses are easily forged: it guards against accidents.
   */
  readonly allow?: readonly Uint8Array[];
  /** The config string if there is no `state`, up to 1024 bytes, empty by default. */
  readonly configString?: Uint8Array;
  /** What initiators left behind when the target was last served. */
  readonly state?: TargetState;
  /**
   * Told each time an initiator changed the state; keeps the value. It must not
   * throw. The reply leaves when it returns, or when the promise that it
   * returns resolves; if that rejects the initiator gets no reply, and the
   * listener is told again when the initiator asks again.
   */
  readonly onStateChanged?: StateListener;
  /** Writes and flushes that may wait for their ticket, 1024 by default. */
  readonly pendingRepliesMax?: number;
  /**
   * Writes that may wait for room in the device, 256 by default. One host gets
   * no more of these places than are left free, so that a flood from it leaves
   * some to others: twice `bufferCount` lets a single host use all it was told.
   */
  readonly heldWritesMax?: number;
  /** Reads that may wait for the device, 256 by default; shared as above. */
  readonly pendingReadsMax?: number;
}

/** Options with every default filled in. */
export type TargetSettings = Required<
  Omit<TargetOptions, "onStateChanged" | "configString">
>;

/** Counters of a target since it was made. */
export interface TargetStatistics {
  /** Frames addressed to the target. */
  frames: number;
  /** Frames of hosts that allow list or MAC mask leave out. */
  refusedFrames: number;
  /** READ commands answered with data. */
  reads: number;
  /** Sectors of those. */
  sectorsRead: number;
  /** WRITE commands the device took. */
  writes: number;
  /** Sectors of those. */
  sectorsWritten: number;
  /** FLUSH CACHE commands. */
  flushes: number;
  /** DATA SET MANAGEMENT commands with TRIM. */
  trims: number;
  /** Replies with an ATA error. */
  ataErrors: number;
  /** Replies with an AoE error. */
  aoeErrors: number;
  /** Writes that had to wait because the device had no room. */
  heldWrites: number;
  /**
   * Requests dropped because every place to keep them was taken, or because
   * the answer would be too long for a link whose MTU has shrunk.
   */
  droppedRequests: number;
}

/** Counters at zero. */
export function emptyTargetStatistics(): TargetStatistics {
  return {
    frames: 0,
    reads: 0,
    sectorsRead: 0,
    writes: 0,
    sectorsWritten: 0,
    flushes: 0,
    trims: 0,
    refusedFrames: 0,
    ataErrors: 0,
    aoeErrors: 0,
    heldWrites: 0,
    droppedRequests: 0,
  };
}

/**
 * Fills in the defaults.
 *
 * @throws {RangeError} when a value is outside of what its field allows.
 */
export function targetSettings(options: TargetOptions): TargetSettings {
  const settings: TargetSettings = {
    shelf: options.shelf,
    slot: options.slot,
    device: options.device,
    sectorCountMax: options.sectorCountMax ?? 16,
    bufferCount: options.bufferCount ?? 64,
    firmwareVersion: options.firmwareVersion ?? 1,
    serial: options.serial ?? options.device.identity.serial,
    readOnly: options.readOnly ?? false,
    allow: options.allow ?? [],
    state: options.state ?? {
      ...emptyTargetState(),
      configString: options.configString ?? new Uint8Array(0),
    },
    pendingRepliesMax: options.pendingRepliesMax ?? 1024,
    heldWritesMax: options.heldWritesMax ?? 256,
    pendingReadsMax: options.pendingReadsMax ?? 256,
  };
  requireRange("shelf", settings.shelf, 0, SHELF_BROADCAST - 1);
  requireRange("slot", settings.slot, 0, SLOT_BROADCAST - 1);
  requireRange("sectorCountMax", settings.sectorCountMax, 2, SECTOR_COUNT_MAX);
  requireRange("bufferCount", settings.bufferCount, 2, 0xffff);
  requireRange("firmwareVersion", settings.firmwareVersion, 0, 0xffff);
  requireRange("pendingRepliesMax", settings.pendingRepliesMax, 1, 2 ** 20);
  requireRange("heldWritesMax", settings.heldWritesMax, 1, 2 ** 20);
  requireRange("pendingReadsMax", settings.pendingReadsMax, 1, 2 ** 20);
  requireMacs("allow", settings.allow);
  requireTargetState(settings.state);
  return settings;
}

function requireRange(
  label: string,
  value: number,
  min: number,
  max: number,
): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new RangeError(
    `Cannot make target: ${label} is ${value}, use ${min} to ${max}`,
  );
}
