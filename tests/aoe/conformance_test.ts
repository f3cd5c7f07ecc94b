import assert from "node:assert/strict";

const FOLDER: URL = new URL(".", import.meta.url);
const TABLE: URL = new URL("../../docs/aoe-conformance.md", import.meta.url);

/** Names that stand behind `Deno.test(` and the like, what differs as "…". */
function testNames(source: string): string[] {
  const calls = source.matchAll(/[tT]est\(\s*(?:"([^"]+)"|`([^`]+)`)/g);
  return [...calls].map(([, plain, template]) =>
    plain ?? template!.replaceAll(/\$\{[^}]*\}/g, "…")
  );
}

/** Whether a name of the table, in which "…" is anything, is that of a test. */
function names(pattern: string, test: string): boolean {
  const parts = pattern.split("…").map((part) => RegExp.escape(part));
  return new RegExp(`^${parts.join(".*")}$`).test(test);
}

Deno.test("every test that the conformance table names exists", async () => {
  const rows = (await Deno.readTextFile(TABLE)).split("\n").filter((line) =>
    /^\| (?!rule|-)/.test(line)
  );
  assert.ok(rows.length > 60, `${rows.length} rows`);
  for (const row of rows) {
    const cell = row.split("|").at(-2)!;
    let file = "";
    let count = 0;
    for (const [, path, name] of cell.matchAll(/`([^`]+)`|"([^"]+)"/g)) {
      if (path !== undefined) {
        file = await Deno.readTextFile(new URL(path, FOLDER));
        continue;
      }
      count++;
      assert.ok(
        testNames(file).some((test) => names(name!, test)),
        `no test has the name "${name}"`,
      );
    }
    assert.ok(count > 0, `no test in: ${row}`);
  }
});
