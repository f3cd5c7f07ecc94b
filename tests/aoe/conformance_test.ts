import assert from "node:assert/strict";
import { conformanceRows, namePattern } from "./conformance_page.ts";

const FOLDER: URL = new URL(".", import.meta.url);

/** Names that stand behind `Deno.test(` and the like, what differs as "…". */
function testNames(source: string): string[] {
  const calls = source.matchAll(/[tT]est\(\s*(?:"([^"]+)"|`([^`]+)`)/g);
  return [...calls].map(([, plain, template]) =>
    plain ?? template!.replaceAll(/\$\{[^}]*\}/g, "…")
  );
}

/** Whether a name of the table is that of a test; "…" is anything in both. */
function names(pattern: string, test: string): boolean {
  const isWhole = (name: string, text: string): boolean =>
    new RegExp(`^${namePattern(name)}$`).test(text);
  return isWhole(pattern, test) || isWhole(test, pattern);
}

Deno.test("every test that the conformance table names exists", async () => {
  const rows = await conformanceRows();
  assert.ok(rows.length > 60, `${rows.length} rows`);
  for (const { tests } of rows) {
    for (const { file, name } of tests) {
      const source = await Deno.readTextFile(new URL(file, FOLDER));
      assert.ok(
        testNames(source).some((test) => names(name, test)),
        `no test has the name "${name}"`,
      );
    }
  }
});
