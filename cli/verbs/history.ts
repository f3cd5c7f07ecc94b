/**
 * What `history` says.
 *
 * @module
 */

import type { ArchiveOperator } from "../../cas/archive_operations.ts";
import type {
  DamagedEntry,
  HistoryEntry,
  HistoryPage,
} from "../../cas/volume_states.ts";
import { BLOCK_SIZE } from "../../cas/block_pool.ts";
import { readArchive } from "../archive/archive_access.ts";
import type { ArchiveChoice } from "../command.ts";
import { ExitStatus } from "../exit_status.ts";
import type { Output } from "../output/output.ts";
import { formatSize } from "../output/size.ts";
import { formatTable } from "../output/table.ts";
import { sizeOf } from "./volumes.ts";

/** States asked for at once: far below the longest answer of a server. */
const PAGE_COUNT = 1000;

/** Lists states of a volume, newest first; the exit status. */
export async function showHistory(
  archive: ArchiveChoice,
  volume: string,
  countMax: number,
  output: Output,
): Promise<number> {
  const entries = await readArchive(
    archive,
    output,
    (it) => readHistory(it, volume, countMax),
  );
  const heads = [
    "STATE",
    "TIME",
    "SIZE",
    "WRITTEN",
    "NEW",
    "PACKED",
    "ROOT",
    "NOTE",
  ];
  const lines = formatTable([heads, ...entries.map(tableRow)]);
  for (const line of lines) output.line(line);
  for (const entry of entries) output.result(entry);
  return entries.some((entry) => "damage" in entry)
    ? ExitStatus.Damaged
    : ExitStatus.Done;
}

async function readHistory(
  archive: ArchiveOperator,
  volume: string,
  countMax: number,
): Promise<(HistoryEntry | DamagedEntry)[]> {
  const entries: (HistoryEntry | DamagedEntry)[] = [];
  let from: { fromSequence?: number } = {};
  while (entries.length < countMax) {
    const page: HistoryPage = await archive.operate("history", {
      volume,
      countMax: Math.min(PAGE_COUNT, countMax - entries.length),
      ...from,
    });
    entries.push(...page.entries);
    if (page.nextSequence === undefined) break;
    from = { fromSequence: page.nextSequence };
  }
  return entries;
}

function tableRow(entry: HistoryEntry | DamagedEntry): string[] {
  if ("damage" in entry) return [String(entry.sequence), entry.damage];
  return [
    String(entry.sequence),
    new Date(entry.timeMs).toISOString(),
    sizeOf(entry),
    formatSize(entry.blocksWritten * BLOCK_SIZE),
    formatSize(entry.blocksNew * BLOCK_SIZE),
    formatSize(entry.packBytes),
    entry.rootHash,
    noteOf(entry),
  ];
}

function noteOf({ parentHash, retired }: HistoryEntry): string {
  if (retired) return "retired";
  return parentHash === undefined ? "" : `content of root ${parentHash}`;
}
