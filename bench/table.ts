/**
 * The table at the end of the bench.
 *
 * @module
 */

import { formatColumns } from "./columns.ts";
import type { Aim, Measure, Row } from "./rows.ts";

/** A load with what came of it, round by round. */
export interface RowResult {
  readonly row: Row;
  /** The other server's measures. */
  readonly theirs: readonly Measure[];
  /** Our server's measures. */
  readonly ours: readonly Measure[];
}

const TITLES: Record<keyof Measure, string> = {
  requestsPerSecond: "requests/s",
  processorUs: "server CPU us/request",
  medianUs: "median us",
};

/** Every load in three lines, as a Markdown table. */
export function formatTable(results: readonly RowResult[]): string {
  const rows = [["load", "number", "vblade", "ours", "ratio", "aim", ""]];
  for (const result of results) {
    let name = result.row.name;
    for (const of of Object.keys(TITLES) as (keyof Measure)[]) {
      const aim = result.row.aims.find((it) => it.of === of);
      rows.push([name, TITLES[of], ...cells(result, of, aim)]);
      name = "";
    }
  }
  return formatColumns(rows);
}

/** Theirs, ours, the ratio of the medians, the aim, whether it was met. */
function cells(
  result: RowResult,
  of: keyof Measure,
  aim: Aim | undefined,
): string[] {
  const theirs = median(result.theirs.map((it) => it[of]));
  const ours = median(result.ours.map((it) => it[of]));
  const ratio = ours / theirs;
  const numbers = [formatNumber(theirs), formatNumber(ours), ratio.toFixed(2)];
  if (aim === undefined) return [...numbers, "", ""];
  const { atLeast = 0, atMost = Infinity } = aim;
  const isMet = ratio >= atLeast && ratio <= atMost;
  const text = aim.atMost === undefined ? `>= ${atLeast}` : `<= ${atMost}`;
  return [...numbers, text, isMet ? "met" : "MISSED"];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1
    ? high
    : (high + (sorted[middle - 1] ?? NaN)) / 2;
}

function formatNumber(value: number): string {
  return value >= 100 ? Math.round(value).toString() : value.toFixed(1);
}
