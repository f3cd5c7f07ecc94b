/**
 * The loads of the bench, and what is aimed at for each.
 *
 * @module
 */

import { DISK_SECTORS } from "./contenders.ts";
import type { Load } from "./load_request.ts";

/** What is measured of a load, for one server. */
export interface Measure {
  /** Requests answered in a second. */
  readonly requestsPerSecond: number;
  /** Processor time of the server for each. */
  readonly processorUs: number;
  /** Half of the requests took less. */
  readonly medianUs: number;
}

/** An aim: ours divided by the other's, at least or at most. */
export interface Aim {
  /** Which number. */
  readonly of: keyof Measure;
  /** No less than this many times the other's, */
  readonly atLeast?: number;
  /** or no more. */
  readonly atMost?: number;
}

/** One load and its aims. */
export interface Row {
  /** What the table calls it. */
  readonly name: string;
  /** All but how long. */
  readonly load: Omit<Load, "durationMs">;
  /** What ours should reach. */
  readonly aims: readonly Aim[];
}

/** Loads that one start of a server sees, one after the other. */
export interface Group {
  /** The interface's MTU. */
  readonly mtu: number;
  /** Whether a reply to a write must mean that it is on stable storage. */
  readonly durable: boolean;
  /** The loads. */
  readonly rows: readonly Row[];
}

/** Half of the disk for reads: what every server surely has in memory. */
const READ_SECTORS: number = DISK_SECTORS / 2;

/** What every read load reads. */
export const READ_BYTES: number = READ_SECTORS * 512;

/** Frames of 8 KiB fit from here on. */
const JUMBO_MTU = 9000;

const READS: readonly Row[] = [
  {
    name: "read 8 KiB sequential, 16 outstanding",
    load: load("read", "sequential", 16, 16),
    aims: [
      { of: "processorUs", atMost: 0.7 },
      { of: "requestsPerSecond", atLeast: 1 },
    ],
  },
  {
    name: "read 4 KiB random, 32 outstanding",
    load: load("read", "random", 8, 32),
    aims: [{ of: "processorUs", atMost: 0.8 }],
  },
  {
    name: "read 4 KiB random, 1 outstanding",
    load: load("read", "random", 8, 1),
    aims: [{ of: "medianUs", atMost: 0.7 }],
  },
];

const DURABLE_WRITES: readonly Row[] = [
  durableWrite("8 KiB sequential", load("write", "sequential", 16, 16), 5),
  durableWrite("8 KiB sequential", load("write", "sequential", 16, 64), 8),
  durableWrite("4 KiB random", load("write", "random", 8, 16), 5),
  durableWrite("4 KiB random", load("write", "random", 8, 64), 12),
];

const SMALL_DURABLE_WRITES: readonly Row[] = [
  durableWrite(
    "1 KiB sequential at MTU 1500",
    load("write", "sequential", 2, 16),
    5,
  ),
];

/** All loads. */
export const GROUPS: readonly Group[] = [
  { mtu: 9000, durable: false, rows: READS },
  { mtu: 9000, durable: true, rows: DURABLE_WRITES },
  { mtu: 1500, durable: true, rows: SMALL_DURABLE_WRITES },
];

/**
 * Writes `bytes` in order before a group's loads are measured, in requests
 * that fit its frames.
 */
export function fill(group: Group, bytes: number): Load {
  const sectors = group.mtu < JUMBO_MTU ? 2 : 16;
  return {
    ...load("write", "sequential", sectors, 16),
    regionSectors: READ_SECTORS,
    requestsMax: Math.floor(bytes / 512 / sectors),
    durationMs: 60_000,
  };
}

function load(
  kind: Load["kind"],
  order: Load["order"],
  sectorsPerRequest: number,
  outstanding: number,
): Omit<Load, "durationMs"> {
  const regionSectors = kind === "read" ? READ_SECTORS : DISK_SECTORS;
  return { kind, order, sectorsPerRequest, outstanding, regionSectors };
}

function durableWrite(
  what: string,
  load: Omit<Load, "durationMs">,
  atLeast: number,
): Row {
  return {
    name: `durable write ${what}, ${load.outstanding} outstanding`,
    load,
    aims: [{ of: "requestsPerSecond", atLeast }],
  };
}
