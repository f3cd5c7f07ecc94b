/** The commands of docs/recovery.md, run against a test's own folders. */

import { run, type RunResult } from "../../setup/run.ts";

const PAGE: URL = new URL("../../docs/recovery.md", import.meta.url);
const MAIN_PATH: string = new URL("../../main.ts", import.meta.url).pathname;

/** Runs the commands that the page has under this word, with these folders in the place of its own. */
export async function runFromPage(
  word: string,
  folders: { readonly archive: string; readonly copy: string },
): Promise<RunResult> {
  const page = await Deno.readTextFile(PAGE);
  const commands = new RegExp(`\`\`\`sh ${word}\n([^\`]*)\`\`\``).exec(page)
    ?.[1];
  if (commands === undefined) throw new Error(`The page has no "${word}"`);
  const script = commands
    .replaceAll("deno run -A main.ts", `${Deno.execPath()} run -A ${MAIN_PATH}`)
    .replaceAll("/srv/archive", folders.archive)
    .replaceAll("/mnt/copy/archive", folders.copy);
  return await run("sh", ["-ec", script]);
}
