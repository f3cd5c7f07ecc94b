/**
 * `ping`: how long a target takes to answer, and how often it does not.
 *
 * @module
 */

import { TimeoutError } from "../aoe/initiator/errors.ts";
import type { RemoteTarget } from "../aoe/initiator/remote_target.ts";
import { ExitStatus } from "./exit_status.ts";
import { formatMac } from "./mac_address.ts";
import type { Output } from "./output.ts";
import { openSegments, type Segment } from "./segment.ts";

/** What to ping. */
export interface PingOptions {
  /** Shelf. */
  readonly shelf: number;
  /** Slot. */
  readonly slot: number;
  /** Interfaces to look on; all when absent. */
  readonly interfaces?: readonly string[];
  /** How many times. */
  readonly count: number;
}

/** What came of it; can be written as JSON. */
export interface PingSummary {
  /** The target's address, such as "1.0". */
  readonly target: string;
  /** Address of the host that answered. */
  readonly mac: string;
  /** The interface through which it is reached. */
  readonly interface: string;
  /** Requests sent. */
  readonly sent: number;
  /** Requests without an answer. */
  readonly lost: number;
  /** Round trip times; absent when there was no answer. */
  readonly minMs?: number;
  /** The middle one. */
  readonly medianMs?: number;
  /** The longest. */
  readonly maxMs?: number;
}

/** How long to wait for an answer. */
const DEADLINE_MS = 1000;

/** Between an answer and the next request. */
const PAUSE_MS = 200;

/** Requests that look for the target before it counts as missing. */
const FIND_TRIES = 3;

/** Pings a target; the exit status. */
export async function ping(
  options: PingOptions,
  output: Output,
): Promise<number> {
  const address = `${options.shelf}.${options.slot}`;
  // Nothing is repeated: a lost request is to be seen as one.
  using segments = openSegments(options.interfaces, {
    windowMax: 1,
    deadlineMs: DEADLINE_MS,
    retransmitMinMs: DEADLINE_MS,
    retransmitMaxMs: 2 * DEADLINE_MS,
  });
  const found = await find(segments.all, options);
  if (found === undefined) {
    const names = segments.all.map(({ interfaceName }) => interfaceName);
    output.event({
      event: "no-answer",
      severity: "strange",
      message: `Target ${address} does not answer on ${names.join(", ")}`,
      target: address,
    });
    return ExitStatus.Failed;
  }
  const times = await measure(found.target, options.count, output);
  const summary = summarize(found, options.count, times);
  output.result(summary);
  for (const line of summaryLines(summary)) output.line(line);
  return times.length > 0 ? ExitStatus.Done : ExitStatus.Failed;
}

interface Found {
  readonly interfaceName: string;
  readonly target: RemoteTarget;
}

/** The target on the first interface where it answers. */
async function find(
  segments: readonly Segment[],
  { shelf, slot }: PingOptions,
): Promise<Found | undefined> {
  for (let attempt = 0; attempt < FIND_TRIES; attempt++) {
    const found = await Promise.all(
      segments.map(async ({ interfaceName, initiator }) => {
        const target = await unlessSilent(initiator.attach({ shelf, slot }));
        return target && { interfaceName, target };
      }),
    );
    const first = found.find((it) => it !== undefined);
    if (first !== undefined) return first;
  }
  return undefined;
}

async function measure(
  target: RemoteTarget,
  count: number,
  output: Output,
): Promise<number[]> {
  const times: number[] = [];
  for (let number = 1; number <= count; number++) {
    if (number > 1) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    const startMs = performance.now();
    const answer = await unlessSilent(target.queryConfig());
    const elapsedMs = performance.now() - startMs;
    if (answer !== undefined) times.push(elapsedMs);
    output.line(
      answer === undefined
        ? `${number}: no answer within ${DEADLINE_MS} ms`
        : `${number}: ${elapsedMs.toFixed(3)} ms`,
    );
  }
  return times;
}

async function unlessSilent<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof TimeoutError) return undefined;
    throw error;
  }
}

function summarize(
  { interfaceName, target }: Found,
  sent: number,
  times: readonly number[],
): PingSummary {
  const sorted = [...times].sort((a, b) => a - b);
  const [minMs] = sorted;
  const medianMs = sorted[Math.floor(sorted.length / 2)];
  const maxMs = sorted.at(-1);
  const isAnswered = minMs !== undefined && medianMs !== undefined &&
    maxMs !== undefined;
  return {
    target: target.name,
    mac: formatMac(target.found.mac),
    interface: interfaceName,
    sent,
    lost: sent - times.length,
    ...(isAnswered ? { minMs, medianMs, maxMs } : {}),
  };
}

function summaryLines(summary: PingSummary): string[] {
  const { target, mac, sent, lost, minMs, medianMs, maxMs } = summary;
  const lines = [
    `Target ${target} at ${mac} on ${summary.interface}: ${sent} sent, ${lost} lost (${
      Math.round(100 * lost / sent)
    } %)`,
  ];
  if (minMs !== undefined && medianMs !== undefined && maxMs !== undefined) {
    const [min, median, max] = [minMs, medianMs, maxMs].map((ms) =>
      ms.toFixed(3)
    );
    lines.push(`min ${min} ms, median ${median} ms, max ${max} ms`);
  }
  return lines;
}
