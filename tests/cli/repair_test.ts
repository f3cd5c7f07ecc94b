import assert from "node:assert/strict";
import { ExitStatus } from "../../cli/exit_status.ts";
import { withFolder } from "../temporary_folder.ts";
import { type CapturedRun, captureMain } from "./captured_main.ts";

async function run(
  ...words: string[]
): Promise<CapturedRun & { lines: string[] }> {
  const ran = await captureMain(words);
  const lines = ran.text.split("\n").filter((line) => line !== "");
  return { ...ran, lines };
}

/** The path of the only blob below a prefix. */
function onlyBlob(store: string, prefix: string): string {
  let path = `${store}/${prefix}`;
  for (;;) {
    const [entry] = [...Deno.readDirSync(path)];
    path = `${path}/${entry!.name}`;
    if (!entry!.isDirectory) return path;
  }
}

/** An archive with one volume and one snapshot, and a copy of it. */
async function archiveWithCopy(
  folder: string,
): Promise<{ here: string; copy: string }> {
  const here = `${folder}/here`;
  const archive = ["--store", `file:${here}`];
  const made = await run(
    "volume",
    "create",
    "disk",
    "1MiB",
    ...archive,
    "--create",
  );
  assert.equal(made.status, ExitStatus.Done, made.text);
  const taken = await run("snapshot", "create", "disk", "one", ...archive);
  assert.equal(taken.status, ExitStatus.Done, taken.text);
  const copy = `${folder}/copy`;
  const copied = await run(
    "copy",
    ...archive,
    "--to",
    `file:${copy}`,
    "--create",
  );
  assert.equal(copied.status, ExitStatus.Done, copied.text);
  return { here, copy };
}

Deno.test("a repair that ends early tells what it mended until then, and why it ended", () =>
  withFolder(async (folder) => {
    const { here, copy } = await archiveWithCopy(folder);
    const root = onlyBlob(here, "roots");
    const key = root.slice(here.length + 1);
    const rootBytes = await Deno.readFile(root);
    const name = onlyBlob(here, "names");
    async function breakBoth(): Promise<void> {
      await Deno.writeFile(root, rootBytes.subarray(1));
      // Nothing can be put in the place of this one.
      await Deno.remove(name, { recursive: true });
      await Deno.mkdir(`${name}/in-the-way`, { recursive: true });
    }
    const repair = [
      "repair",
      "--from",
      `file:${copy}`,
      "--store",
      `file:${here}`,
    ];
    await breakBoth();
    const { status, text } = await run(...repair);
    assert.equal(status, ExitStatus.Failed, text);
    assert.match(text, new RegExp(`Mended ${key}: `));
    assert.match(text, /ENDED EARLY: .*1 mended/);
    assert.match(text, /error: Cannot .*names\//);
    assert.deepEqual(await Deno.readFile(root), rootBytes);

    await breakBoth();
    const json = await run(...repair, "--json");
    assert.equal(json.status, ExitStatus.Failed, json.text);
    const told = json.lines.map((line) => JSON.parse(line));
    const result = told.find((it) => "mended" in it);
    assert.equal(result.endedEarly, true);
    assert.deepEqual(result.mended.map((it: { key: string }) => it.key), [key]);
    assert.equal(told.at(-1).event, "error");

    await Deno.remove(name, { recursive: true });
    const again = await run(...repair, "--json");
    assert.equal(again.status, ExitStatus.Done, again.text);
    assert.equal(JSON.parse(again.lines.at(-1)!).endedEarly, false);
  }));
