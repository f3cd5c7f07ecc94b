/**
 * `ping`: how long a target takes to answer, and how often it does not.
 *
 * @module
 */

import { formatMac } from "../../aoe/header.ts";
import type { RemoteTarget } from "../../aoe/initiator/remote_target.ts";
import { ExitStatus } from "../exit_status.ts";
import type { Output } from "../output/output.ts";
import {
  findTarget,
  type FoundOnSegment,
  noAnswer,
  openSegments,
  SEARCH_OPTIONS,
  unlessSilent,
} from "./segment.ts";

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

/** Between an answer and the next request. */
const PAUSE_MS = 200;

/** Pings a target; the exit status. */
export async function ping(
  options: PingOptions,
  output: Output,
): Promise<number> {
  // Nothing is repeated: a lost request is to be seen as one.
  using segments = openSegments(options.interfaces, SEARCH_OPTIONS);
  const found = await findTarget(segments, options);
  if (found === undefined) {
    output.event(noAnswer(segments, options));
    return ExitStatus.Failed;
  }
  const times = await measure(found.target, options.count, output);
  const summary = summarize(found, options.count, times);
  output.result(summary);
  for (const line of summaryLines(summary)) output.line(line);
  return times.length > 0 ? ExitStatus.Done : ExitStatus.Failed;
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
        ? `${number}: no answer within ${SEARCH_OPTIONS.deadlineMs} ms`
        : `${number}: ${elapsedMs.toFixed(3)} ms`,
    );
  }
  return times;
}

function summarize(
  { interfaceName, target }: FoundOnSegment,
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
