/**
 * Each rule of docs/aoe-conformance.md, broken in a copy of the sources: the
 * tests that the page names for it must fail there, and pass without.
 */

import assert from "node:assert/strict";
import { say } from "../../setup/say.ts";
import type { Patch } from "../source_patch.ts";
import {
  type ConformanceRow,
  conformanceRows,
  type NamedTest,
  namePattern,
} from "./conformance_page.ts";
import { PLANTED_RULES, ROOT_FOLDER, SLOW_FOLDERS } from "./planted/rules.ts";
import {
  type RunOutcome,
  SourcesCopy,
  testKey,
  type Verdict,
} from "./planted/sources_copy.ts";

/** One for each processor of the smallest machine that runs all tests. */
const COPIES = 2;

/** A program that fell over has broken no rule. */
const FELL_OVER = /ReferenceError|SyntaxError|is not a function/;

/** A row, how it is broken, and its tests that run here. */
interface Case {
  readonly title: string;
  readonly tests: readonly NamedTest[];
  readonly patches: readonly Patch[];
}

function titleOf(section: string, rule: string): string {
  return `${section}: ${rule}`;
}

function plantedPatches(): Map<string, readonly Patch[]> {
  return new Map(
    PLANTED_RULES.flatMap(({ heading, rules }) =>
      Object.entries(rules).map(([rule, patches]) =>
        [titleOf(heading, rule), patches] as const
      )
    ),
  );
}

function caseOf({ section, rule, tests }: ConformanceRow): Case {
  const title = titleOf(section, rule);
  return {
    title,
    tests: tests.filter(({ file }) =>
      !SLOW_FOLDERS.some((folder) => file.startsWith(folder))
    ),
    patches: plantedPatches().get(title) ?? [],
  };
}

Deno.test("every rule of the conformance page is planted, and nothing else", async () => {
  const rows = await conformanceRows();
  const titles = rows.map(({ section, rule }) => titleOf(section, rule));
  assert.deepEqual([...plantedPatches().keys()].sort(), titles.sort());
  for (const { title, tests, patches } of rows.map(caseOf)) {
    assert.ok(patches.length > 0, `nothing breaks: ${title}`);
    assert.ok(tests.length > 0, `all tests are slow: ${title}`);
  }
});

Deno.test("every rule of the conformance page, when broken, fails each test named for it", async () => {
  const cases = (await conformanceRows()).map(caseOf);
  await using stack = new AsyncDisposableStack();
  const copies: SourcesCopy[] = [];
  for (let i = 0; i < COPIES; i++) {
    copies.push(stack.use(await SourcesCopy.create()));
  }
  const sound = await copies[0]!.run(
    cases.flatMap(({ tests }) => tests),
    undefined,
  );
  const problems: string[] = [];
  const queue = cases.values();
  await Promise.all(copies.map(async (copy) => {
    for (const one of queue) {
      problems.push(...await problemsOf(one, copy, sound));
    }
  }));
  assert.deepEqual(problems, []);
});

/** Breaks a rule in each of its ways; what was not noticed as it should be. */
async function problemsOf(
  { title, tests, patches }: Case,
  copy: SourcesCopy,
  sound: RunOutcome,
): Promise<string[]> {
  const problems: string[] = [];
  const due = new Set<NamedTest>();
  for (const test of tests) {
    const verdicts = verdictsOf(test, sound);
    if (test.file.startsWith(ROOT_FOLDER) && Deno.uid() !== 0) {
      say(`Skipped here, since it takes root: "${test.name}"`);
    } else if (verdicts.length === 0 || verdicts.includes("failed")) {
      problems.push(`${title}: "${test.name}" does not pass as it is`);
    } else if (verdicts.includes("ok")) due.add(test);
    else say(`Skipped here: "${test.name}"`);
  }
  const runnable = [...due];
  for (const [index, patch] of patches.entries()) {
    const outcome = await copy.run(runnable, patch);
    const failed = runnable.filter((test) =>
      verdictsOf(test, outcome).includes("failed")
    );
    for (const test of failed) due.delete(test);
    const way = `when broken in way ${index + 1} (${patch.file})`;
    if (failed.length === 0 && runnable.length === tests.length) {
      problems.push(`${title}: nothing fails ${way}`);
    }
    if (FELL_OVER.test(outcome.output)) {
      problems.push(`${title}: the program falls over ${way}`);
    }
  }
  for (const { name } of due) {
    problems.push(`${title}: "${name}" fails in no way of breaking the rule`);
  }
  return problems;
}

/** What became of each test that the page means by a name. */
function verdictsOf(test: NamedTest, { verdicts }: RunOutcome): Verdict[] {
  const prefix = testKey(test.file, "");
  const pattern = new RegExp(`^${namePattern(test.name)}$`);
  return [...verdicts].filter(([key]) =>
    key.startsWith(prefix) && pattern.test(key.slice(prefix.length))
  ).map(([, verdict]) => verdict);
}
