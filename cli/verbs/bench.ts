/**
 * `bench`: how many requests a target answers, and how fast, under a load of
 * our own initiator.
 *
 * @module
 */

import { SECTOR_SIZE } from "../../aoe/block_device.ts";
import { formatMac } from "../../aoe/header.ts";
import type { RemoteTarget } from "../../aoe/initiator/remote_target.ts";
import { ExitStatus } from "../exit_status.ts";
import { Latencies } from "../output/latencies.ts";
import type { Output } from "../output/output.ts";
import {
  findTarget,
  noAnswer,
  openSegments,
  SEARCH_OPTIONS,
} from "./segment.ts";
import { formatSize } from "../output/size.ts";
import { UsageError } from "../usage_error.ts";

/** What to ask of a target, and how. */
export interface BenchOptions {
  /** Shelf. */
  readonly shelf: number;
  /** Slot. */
  readonly slot: number;
  /** Interfaces to look on; all when absent. */
  readonly interfaces?: readonly string[];
  /** What the requests do. Writes destroy what is on the disk. */
  readonly kind: "read" | "write";
  /** One after the other, or anywhere (at multiples of a request). */
  readonly order: "sequential" | "random";
  /** Bytes of a request, a multiple of 512. */
  readonly requestBytes: number;
  /** Requests on the way at any time, 1 to 256. */
  readonly outstanding: number;
  /** How long. */
  readonly durationMs: number;
  /** Bytes from the start of the disk that are touched; all of it when absent. */
  readonly regionBytes?: number;
}

/** What came of it; can be written as JSON. */
export interface BenchSummary {
  /** The target's address, such as "1.0". */
  readonly target: string;
  /** Address of the host that answered. */
  readonly mac: string;
  /** The interface through which it is reached. */
  readonly interface: string;
  /** What the requests did. */
  readonly kind: "read" | "write";
  /** In which order. */
  readonly order: "sequential" | "random";
  /** Bytes of a request. */
  readonly requestBytes: number;
  /** Requests on the way at any time. */
  readonly outstanding: number;
  /** From the first request to the last answer. */
  readonly elapsedMs: number;
  /** Requests that were answered. */
  readonly requests: number;
  /** Requests a second. */
  readonly iops: number;
  /** Millions of bytes a second. */
  readonly megabytesPerSecond: number;
  /** How long requests took, by the share of them that took no longer. */
  readonly latencyMs: {
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
  /** Frames sent, repetitions not counted. */
  readonly frames: number;
  /** Frames sent again because no answer came. */
  readonly retransmissions: number;
}

/** Most requests that an initiator keeps on the way. */
export const OUTSTANDING_MAX = 256;

/** Each block of a write begins with a number that no other one has. */
const BLOCK_SIZE = 4096;

/** Puts load on a target; the exit status. */
export async function bench(
  options: BenchOptions,
  output: Output,
): Promise<number> {
  const interfaceName = await locate(options, output);
  if (interfaceName === undefined) return ExitStatus.Failed;
  using segments = openSegments([interfaceName], {
    windowMax: OUTSTANDING_MAX,
  });
  const [segment] = segments.all;
  const initiator = segment!.initiator;
  const target = await initiator.attach(options);
  const { statistics } = initiator.exchange;
  const placeCount = await places(target, options);
  const before = { ...statistics };
  const latencies = new Latencies();
  const startMs = performance.now();
  await load(target, placeCount, options, latencies);
  const elapsedMs = performance.now() - startMs;
  const summary = summarize(options, {
    target: target.name,
    mac: formatMac(target.found.mac),
    interface: interfaceName,
    elapsedMs,
    frames: statistics.requests - before.requests,
    retransmissions: statistics.retransmissions - before.retransmissions,
  }, latencies);
  output.result(summary);
  for (const line of summaryLines(summary)) output.line(line);
  return ExitStatus.Done;
}

/** The interface on which the target answers; undefined, and said, when none. */
async function locate(
  options: BenchOptions,
  output: Output,
): Promise<string | undefined> {
  using segments = openSegments(options.interfaces, SEARCH_OPTIONS);
  const found = await findTarget(segments, options);
  if (found === undefined) output.event(noAnswer(segments, options));
  return found?.interfaceName;
}

/** How many requests have room side by side in the region. */
async function places(
  target: RemoteTarget,
  { regionBytes = Infinity, requestBytes }: BenchOptions,
): Promise<number> {
  const { sectorCount } = await target.identify();
  const bytes = Math.min(sectorCount * SECTOR_SIZE, regionBytes);
  if (bytes >= requestBytes) return Math.floor(bytes / requestBytes);
  throw new UsageError(
    `A request of ${formatSize(requestBytes)} is more than the ${
      formatSize(bytes)
    } of target ${target.name} that are to be used: make --size smaller`,
  );
}

/** Keeps so many requests on the way until the time is over. */
async function load(
  target: RemoteTarget,
  placeCount: number,
  options: BenchOptions,
  latencies: Latencies,
): Promise<void> {
  const { kind, order, requestBytes, outstanding, durationMs } = options;
  const sectorCount = requestBytes / SECTOR_SIZE;
  const endMs = performance.now() + durationMs;
  let number = 0;
  let isOver = false;
  async function work(): Promise<void> {
    const bytes = kind === "write" ? noise(requestBytes) : undefined;
    while (!isOver) {
      const startMs = performance.now();
      if (startMs >= endMs) break;
      const place = order === "sequential"
        ? number % placeCount
        : Math.floor(Math.random() * placeCount);
      number++;
      const lba = place * sectorCount;
      if (bytes === undefined) await target.read({ lba, sectorCount });
      else {
        stamp(bytes, number);
        await target.write(lba, bytes);
      }
      latencies.add(performance.now() - startMs);
    }
  }
  try {
    await Promise.all(Array.from({ length: outstanding }, work));
  } finally {
    isOver = true;
  }
}

/** Bytes that do not compress. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

/** Makes each block another than all others, for servers that look for equal ones. */
function stamp(bytes: Uint8Array, number: number): void {
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += BLOCK_SIZE) {
    view.setFloat64(at, number);
  }
}

type Circumstances = Pick<
  BenchSummary,
  "target" | "mac" | "interface" | "elapsedMs" | "frames" | "retransmissions"
>;

function summarize(
  { kind, order, requestBytes, outstanding }: BenchOptions,
  circumstances: Circumstances,
  latencies: Latencies,
): BenchSummary {
  const { target, mac, interface: interfaceName, ...rest } = circumstances;
  const [p50 = 0, p90 = 0, p99 = 0, p999 = 0, max = 0] = latencies
    .percentilesMs([0.5, 0.9, 0.99, 0.999, 1]);
  const iops = latencies.count / (rest.elapsedMs / 1000);
  return {
    ...{ target, mac, interface: interfaceName },
    ...{ kind, order, requestBytes, outstanding },
    requests: latencies.count,
    iops,
    megabytesPerSecond: iops * requestBytes / 1e6,
    latencyMs: { p50, p90, p99, p999, max },
    ...rest,
  };
}

function summaryLines(summary: BenchSummary): string[] {
  const { target, mac, kind, order, requestBytes, outstanding } = summary;
  const ms = (value: number): string => `${value.toFixed(3)} ms`;
  const { p50, p90, p99, p999, max } = summary.latencyMs;
  return [
    `Target ${target} at ${mac} on ${summary.interface}: ${order} ${kind}s of ${
      formatSize(requestBytes)
    }, ${outstanding} outstanding, ${(summary.elapsedMs / 1000).toFixed(1)} s`,
    `${Math.round(summary.iops)} requests/s, ${
      summary.megabytesPerSecond.toFixed(1)
    } MB/s`,
    `latency: half below ${ms(p50)}, 90 % ${ms(p90)}, 99 % ${ms(p99)}, 99.9 % ${
      ms(p999)
    }, longest ${ms(max)}`,
    `${summary.retransmissions} of ${summary.frames} frames sent again`,
  ];
}
