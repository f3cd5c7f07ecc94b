/**
 * The rows about the index: it grows 16 times, each size in the same run.
 *
 * @module
 */

import { formatColumns } from "./columns.ts";
import type { IndexMeasure } from "./index_process.ts";

/** What `--only` calls them. */
export const INDEX_NAME = "index";

/** Entries of the largest size, unless said otherwise. */
export const INDEX_ENTRIES: number = 16 * 2 ** 20;

const GROWTH: readonly number[] = [1, 4, 16];
const MEBIBYTE = 2 ** 20;

/** What the index of an archive of 1 TiB must do, on one core. */
const AIM = "at least 300k, at least 500k, -, -, -, below 512, -, below 3 s";

/** Measures the index in a process of its own and prints a table. */
export async function measureIndex(
  folder: string,
  entryCount: number,
): Promise<void> {
  const sizes = GROWTH.map((times) => Math.round(entryCount * times / 16));
  const file = new URL("index_process.ts", import.meta.url).pathname;
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", file, `${folder}/index`, ...sizes.map(String)],
    stdout: "piped",
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error("The index could not be measured");
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  const rows = lines.map((line) => cells(JSON.parse(line) as IndexMeasure));
  console.log("\nIndex alone, rates by processor time of the whole process:");
  console.log(formatColumns([
    [
      "entries",
      "inserts/s",
      "new/s",
      "pages per new",
      "known/s",
      "filters, bytes each",
      "process MiB",
      "longest step ms",
      "opened in ms",
    ],
    ...rows,
    ["aim at 268M", ...AIM.split(", ")],
  ]));
}

function cells(measure: IndexMeasure): string[] {
  const { entryCount, indexBytes } = measure;
  return [
    `${(entryCount / 1e6).toFixed(1)}M`,
    thousands(measure.insertsPerSecond),
    thousands(measure.newPerSecond),
    measure.newPages.toFixed(3),
    thousands(measure.knownPerSecond),
    (indexBytes / entryCount).toFixed(2),
    (measure.residentBytesMax / MEBIBYTE).toFixed(0),
    measure.stallMs.toFixed(0),
    measure.openMs.toFixed(0),
  ];
}

function thousands(value: number): string {
  return `${(value / 1000).toFixed(0)}k`;
}
