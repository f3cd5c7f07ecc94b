/**
 * What `store stats` says.
 *
 * @module
 */

import { EXTENT_BYTES } from "../../blobstores/layers/cache_extents.ts";
import type { PackCacheStatistics } from "../../blobstores/layers/cache_statistics.ts";
import {
  LATENCY_BOUNDS_MS,
  type OperationMetrics,
} from "../../blobstores/layers/metrics.ts";
import type { StoreStatistics } from "../../cas/archive_operations.ts";
import { ExitStatus } from "../exit_status.ts";
import { counted } from "../../blobstores/counted.ts";
import type { Output } from "../output/output.ts";
import { askRunningServer, type ServerChoice } from "./running_server.ts";
import { formatSize } from "../output/size.ts";
import { formatTable } from "../output/table.ts";

const HEADS = [
  "OPERATION",
  "COUNT",
  "ACTIVE",
  "BYTES",
  "MEAN",
  "P50",
  "P99",
  "MAX",
  "ERRORS",
];

/** Shows what the running server asked of its store; the exit status. */
export async function showStoreStats(
  choice: ServerChoice,
  output: Output,
): Promise<number> {
  const answer = await askRunningServer(choice, { verb: "store stats" });
  const statistics = answer as StoreStatistics;
  for (const line of linesOf(statistics)) output.line(line);
  output.result(statistics);
  return ExitStatus.Done;
}

/** A table of the operations that were done, and what the cache did. */
export function linesOf(statistics: StoreStatistics): string[] {
  const { display, operations, cache } = statistics;
  const rows = Object.entries(operations).map(([name, it]) => [
    name,
    String(it.count),
    String(it.active),
    formatSize(it.bytes),
    it.count === 0 ? "-" : duration(it.totalMs / it.count),
    percentile(it, 0.5),
    percentile(it, 0.99),
    duration(it.maxMs),
    errorsOf(it),
  ]);
  return [
    display,
    ...formatTable([HEADS, ...rows]),
    ...(cache === undefined ? [] : ["", ...cacheLines(cache)]),
  ];
}

function cacheLines(cache: PackCacheStatistics): string[] {
  const { hitCount, missCount, damagedCount, failedCount } = cache;
  const all = hitCount + missCount;
  const lines = [
    `Pack cache in ${cache.location}: ${formatSize(cache.byteCount)} of ${
      formatSize(cache.bytesMax)
    }`,
    all === 0
      ? "  No pack was read yet"
      : `  ${counted(all, "read")} of packs, ${
        Math.round(hitCount / all * 100)
      } % answered by it; the others took ${
        formatSize(cache.fetchedBytes)
      } from the store`,
    `  ${formatSize(cache.writtenBytes)} came with new packs, and ${
      formatSize(cache.evictedCount * EXTENT_BYTES)
    } had to go for others`,
  ];
  if (damagedCount + failedCount > 0) {
    lines.push(
      `  DAMAGED: ${
        counted(damagedCount, "extent was", "extents were")
      } wrong on its disk and fetched again; ${
        counted(failedCount, "operation")
      } of the disk failed`,
    );
  }
  return lines;
}

/** The bound of the histogram below which so many of the operations lie. */
function percentile(
  { latencies, count, maxMs }: OperationMetrics,
  part: number,
): string {
  let below = 0;
  for (const [index, bound] of LATENCY_BOUNDS_MS.entries()) {
    below += latencies[index] ?? 0;
    if (below >= count * part) return `<= ${duration(bound)}`;
  }
  return `<= ${duration(maxMs)}`;
}

function errorsOf({ errors }: OperationMetrics): string {
  const parts = Object.entries(errors).map(([code, count]) =>
    `${count} ${code}`
  );
  return parts.length === 0 ? "-" : parts.join(", ");
}

function duration(timeMs: number): string {
  return timeMs < 1000
    ? `${timeMs < 10 ? Number(timeMs.toFixed(1)) : Math.round(timeMs)} ms`
    : `${Number((timeMs / 1000).toFixed(1))} s`;
}
