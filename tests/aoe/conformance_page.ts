/** docs/aoe-conformance.md as a program reads it. */

import assert from "node:assert/strict";

const PAGE: URL = new URL("../../docs/aoe-conformance.md", import.meta.url);

/** A test as a row names it. */
export interface NamedTest {
  /** Its file, from `tests/aoe/`. */
  readonly file: string;
  /** Its name, in which "…" stands for anything. */
  readonly name: string;
}

/** A row of one of the tables. */
export interface ConformanceRow {
  /** The heading above the table. */
  readonly section: string;
  /** The cell with the rule. */
  readonly rule: string;
  /** The tests that fail when the rule is broken. */
  readonly tests: readonly NamedTest[];
}

/** Reads every row of the page; throws for one that names no test. */
export async function conformanceRows(): Promise<ConformanceRow[]> {
  const rows: ConformanceRow[] = [];
  let section = "";
  for (const line of (await Deno.readTextFile(PAGE)).split("\n")) {
    if (line.startsWith("## ")) section = line.slice(3);
    if (!/^\| (?!rule|-)/.test(line)) continue;
    const cells = line.split("|").map((cell) => cell.trim());
    const rule = cells[1]!;
    rows.push({ section, rule, tests: testsOf(cells.at(-2)!, rule) });
  }
  return rows;
}

/** A name of the page as a regular expression, for the whole of a test's name. */
export function namePattern(name: string): string {
  return name.split("…").map((part) => RegExp.escape(part)).join(".*");
}

/** `file.ts`: "name"; a name without a file has that of the one before. */
function testsOf(cell: string, rule: string): NamedTest[] {
  const tests: NamedTest[] = [];
  let file = "";
  for (const [, path, name] of cell.matchAll(/`([^`]+)`|"([^"]+)"/g)) {
    if (path !== undefined) file = path;
    else tests.push({ file, name: name! });
  }
  assert.ok(tests.length > 0, `no test in the row of: ${rule}`);
  return tests;
}
