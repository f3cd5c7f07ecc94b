/**
 * Rows of text as a Markdown table.
 *
 * @module
 */

/** Lines up the cells of rows; the first row is the head. */
export function formatColumns(rows: readonly (readonly string[])[]): string {
  const widths =
    rows[0]?.map((_, column) =>
      Math.max(...rows.map((row) => row[column]?.length ?? 0))
    ) ?? [];
  const lines = rows.map((row) =>
    `| ${row.map((it, column) => it.padEnd(widths[column] ?? 0)).join(" | ")} |`
  );
  const rule = `| ${widths.map((it) => "-".repeat(it)).join(" | ")} |`;
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}
