/**
 * The rows about the index: it grows 16 times, each size in the same run.
 *
 * @module
 */

import { formatColumns } from "./columns.ts";
import type { IndexAdding, IndexAsking } from "./index_process.ts";

/** What `--only` calls them. */
export const INDEX_NAME = "index";

/** Entries of the largest size, unless said otherwise. */
export const INDEX_ENTRIES: number = 16 * 2 ** 20;

const GROWTH: readonly number[] = [1, 4, 16];
const MEBIBYTE = 2 ** 20;
/** As many as the process adds at once. */
const PACK_ENTRIES = 4096;

/** What the index of an archive of 1 TiB must do, on one core. */
const AIM =
  "at least 300k, at least 500k, -, -, -, below 512, below 512, -, below 3 s";

/** Measures the index in processes of its own and prints a table. */
export async function measureIndex(
  folder: string,
  entryCount: number,
): Promise<void> {
  const rows: string[][] = [];
  let before = 0;
  for (const times of GROWTH) {
    // Whole packs, of which the next process adds more.
    const count = Math.ceil(entryCount * times / 16 / PACK_ENTRIES) *
      PACK_ENTRIES;
    const place = `${folder}/index`;
    const added = await runProcess<IndexAdding>("add", place, before, count);
    const asked = await runProcess<IndexAsking>("ask", place);
    rows.push(cells(count, added, asked));
    before = count;
  }
  console.log("\nIndex alone, rates by processor time of the whole process:");
  console.log(formatColumns([
    [
      "entries",
      "inserts/s",
      "new/s",
      "pages per new",
      "known/s",
      "filters, bytes each",
      "adding MiB",
      "asking MiB",
      "longest step ms",
      "opened in ms",
    ],
    ...rows,
    ["aim at 268M", ...AIM.split(", ")],
  ]));
}

/** What a process of the bench prints. */
async function runProcess<Result>(
  ...args: (string | number)[]
): Promise<Result> {
  const file = new URL("index_process.ts", import.meta.url).pathname;
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", file, ...args.map(String)],
    stdout: "piped",
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error("The index could not be measured");
  return JSON.parse(new TextDecoder().decode(stdout)) as Result;
}

function cells(
  entryCount: number,
  added: IndexAdding,
  asked: IndexAsking,
): string[] {
  return [
    `${(entryCount / 1e6).toFixed(1)}M`,
    thousands(added.insertsPerSecond),
    thousands(asked.newPerSecond),
    asked.newPages.toFixed(3),
    thousands(asked.knownPerSecond),
    (asked.indexBytes / entryCount).toFixed(2),
    (added.addingBytesMax / MEBIBYTE).toFixed(0),
    (asked.askingBytesMax / MEBIBYTE).toFixed(0),
    added.stallMs.toFixed(0),
    asked.openMs.toFixed(0),
  ];
}

function thousands(value: number): string {
  return `${(value / 1000).toFixed(0)}k`;
}
