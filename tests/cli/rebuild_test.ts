import assert from "node:assert/strict";
import { ExitStatus } from "../../cli/exit_status.ts";
import { captureMain } from "./captured_main.ts";

Deno.test("a rebuild does not forget that a newest root was lost", async () => {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-rebuild-" });
  const run = (...words: string[]): ReturnType<typeof captureMain> =>
    captureMain([...words, "--store", `file:${folder}/archive`]);
  try {
    const made = await run("volume", "create", "disk", "1MiB", "--create");
    assert.equal(made.status, ExitStatus.Done, made.text);
    const grown = await run("volume", "grow", "disk", "2MiB");
    assert.equal(grown.status, ExitStatus.Done, grown.text);
    const roots = `${folder}/archive/roots`;
    const [volume] = [...Deno.readDirSync(roots)];
    await Deno.remove(`${roots}/${volume!.name}/0000000000000001`);
    const rebuilt = await run("rebuild");
    assert.equal(rebuilt.status, ExitStatus.Done, rebuilt.text);
    const refused = await run("volume", "grow", "disk", "3MiB");
    assert.notEqual(refused.status, ExitStatus.Done);
    assert.match(refused.text, /is missing, though this server has seen it/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
