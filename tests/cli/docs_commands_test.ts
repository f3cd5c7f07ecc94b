/** Every command that README and docs show is one that the program takes. */

import assert from "node:assert/strict";
import { parseCommandLine } from "../../cli/command_line.ts";
import { COMMANDS } from "../../cli/commands.ts";
import {
  type ServeFlags,
  serveOptions,
} from "../../cli/options/serve_options.ts";

const ROOT = new URL("../../", import.meta.url);
/** What stands for something else than itself. */
const ELLIPSIS = /\.\.\.|…/;
/** A line of a configuration file. */
const SETTING = /^\S+ = /;

/** Texts of README and of all pages, by their paths. */
async function readPages(): Promise<Map<string, string>> {
  const paths = ["README.md"];
  for await (const { name } of Deno.readDir(new URL("docs/", ROOT))) {
    if (name.endsWith(".md")) paths.push(`docs/${name}`);
  }
  const texts = paths.sort().map(async (path) =>
    [path, await Deno.readTextFile(new URL(path, ROOT))] as const
  );
  return new Map(await Promise.all(texts));
}

/** Words of a command in a shell; quotes keep spaces, a comment ends it. */
function shellWords(text: string): string[] {
  const words = text.match(/'[^']*'|"[^"]*"|\S+/g);
  const all = (words ?? []).map((it) => it.replace(/^(['"])(.*)\1$/, "$2"));
  const end = all.findIndex((it) => it === "#" || it === "|");
  return end < 0 ? all : all.slice(0, end);
}

/** What follows `main.ts` in the examples of a page. */
function shownCommands(page: string): string[][] {
  const fences = page.matchAll(/^ *```\w*.*\n([^]*?)^ *```/gm);
  return [...fences].flatMap(([, block = ""]) => {
    const commands = block.replaceAll("\\\n", " ")
      .matchAll(/\bdeno run .*?\bmain\.ts (.*)/g);
    return [...commands].map(([, text = ""]) => text)
      .filter((text) => !ELLIPSIS.test(text)).map(shellWords);
  });
}

/** Commands within lines, such as `copy --to URL [--create]`. */
function namedCommands(page: string): string[][] {
  const names = COMMANDS.map(({ words }) => `${words.join(" ")} `);
  const codes = page.replace(/^ *```[^]*?^ *```/gm, "").matchAll(/`([^`]+)`/g);
  return [...codes].map(([, text = ""]) =>
    text.replace(/\s+/g, " ").replaceAll("\\|", "|").replace(/[[\]]/g, "")
  ).filter((text) =>
    !ELLIPSIS.test(text) && !SETTING.test(text) &&
    names.some((name) => text.startsWith(name))
  ).map(shellWords);
}

/** What is wrong with a command; undefined where nothing is. */
function faultOf(words: readonly string[]): string | undefined {
  try {
    const invocation = parseCommandLine(words, COMMANDS);
    if ("help" in invocation) return undefined;
    const { command, values } = invocation;
    const isWhole = command.words[0] === "serve" && "interface" in values;
    if (isWhole) serveOptions(values as ServeFlags);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

Deno.test("every example of README and docs is a command that is understood", async () => {
  const faults: string[] = [];
  let count = 0;
  for (const [path, page] of await readPages()) {
    const named = namedCommands(page);
    for (const words of [...shownCommands(page), ...named]) {
      count++;
      let fault = faultOf(words);
      // Within a line an option may stand without its value.
      if (named.includes(words)) fault &&= faultOf([...words, "VALUE"]);
      if (fault !== undefined) faults.push(`${path}: ${words}: ${fault}`);
    }
  }
  assert.deepEqual(faults, []);
  assert.ok(count > 50, `only ${count} commands were found`);
});

Deno.test("an example that nobody could type is found", () => {
  const page = "```sh\ndeno run -A main.ts volume lst \\\n  --store a\n```\n" +
    "`volume grow disk` and `copy --too URL`";
  const [shown] = shownCommands(page);
  assert.deepEqual(shown, ["volume", "lst", "--store", "a"]);
  assert.match(faultOf(shown!) ?? "", /did you mean list/);
  const [grow, copy] = namedCommands(page);
  assert.equal(faultOf(grow!), undefined);
  assert.match(faultOf(copy!) ?? "", /did you mean --to/);
});

Deno.test("every command is told of in README or docs", async () => {
  const pages = [...(await readPages()).values()].join("\n");
  for (const { words } of COMMANDS) {
    if (words[0] === "version") continue;
    const name = words.join(" ");
    assert.match(pages, new RegExp(`[\`\\s]${name}[\`\\s,]`), name);
  }
});
