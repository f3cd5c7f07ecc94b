/**
 * What `stats` says.
 *
 * @module
 */

import type {
  ArchiveStatistics,
  ContentStatistics,
  StateStatistics,
} from "../../cas/archive_operations.ts";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import { readArchive } from "../archive/archive_access.ts";
import type { ArchiveChoice } from "../command.ts";
import { describeIndex } from "./index_status.ts";
import { ExitStatus } from "../exit_status.ts";
import { counted } from "../../blobstores/counted.ts";
import type { Output } from "../output/output.ts";
import { describeScrubs } from "./scrub.ts";
import { formatSize } from "../output/size.ts";
import { formatTable } from "../output/table.ts";
import { sizeOf } from "./volumes.ts";

const HEADS = [
  "STATE",
  "SIZE",
  "DATA",
  "UNIQUE",
  "COMPRESSED",
  "DEDUP",
  "COMPRESSION",
];

/** Shows what volumes and snapshots come to; the exit status. */
export async function showStats(
  archive: ArchiveChoice,
  volume: string | undefined,
  output: Output,
): Promise<number> {
  const request = volume === undefined ? {} : { volume };
  const statistics = await readArchive(
    archive,
    output,
    (it) => it.operate("stats", request),
  );
  for (const line of linesOf(statistics)) output.line(line);
  output.result(statistics);
  const { missingCount, hiddenCount } = statistics.total;
  return missingCount + hiddenCount > 0 ? ExitStatus.Damaged : ExitStatus.Done;
}

function linesOf(statistics: ArchiveStatistics): string[] {
  const { states, total, packCount, packBytes, scrub, index } = statistics;
  const rows = states.map((it) => [
    nameOf(it),
    sizeOf(it.state),
    ...contentCells(it),
  ]);
  const lines = formatTable([HEADS, ...rows, [
    "together",
    "",
    ...contentCells(total),
  ]]);
  lines.push(
    "",
    `The archive has ${counted(packCount, "pack")} of ${
      formatSize(packBytes)
    } in all, with the whole history`,
  );
  lines.push(...describeScrubs(scrub), `Index of ${describeIndex(index)}`);
  if (total.estimated) {
    lines.push("Of many blocks, UNIQUE and COMPRESSED are known within 0.3 %");
  }
  const { missingCount, hiddenCount } = total;
  if (missingCount > 0) {
    lines.push(
      `DAMAGED: ${
        counted(missingCount, "distinct block is", "distinct blocks are")
      } in no known pack`,
    );
  }
  if (hiddenCount > 0) {
    lines.push(
      `DAMAGED: ${
        counted(hiddenCount, "block lies", "blocks lie")
      } below pointer blocks that cannot be read`,
    );
  }
  return lines;
}

function nameOf({ state, snapshot }: StateStatistics): string {
  return snapshot === undefined ? state.volume : `${state.volume}@${snapshot}`;
}

function contentCells(content: ContentStatistics): string[] {
  const { blockCount, uniqueCount, storedBytes } = content;
  const uniqueBytes = uniqueCount * BLOCK_SIZE;
  return [
    formatSize(blockCount * BLOCK_SIZE),
    formatSize(uniqueBytes),
    formatSize(storedBytes),
    ratio(blockCount, uniqueCount),
    ratio(uniqueBytes, storedBytes),
  ];
}

function ratio(of: number, to: number): string {
  return to === 0 ? "-" : `${(of / to).toFixed(2)} x`;
}
