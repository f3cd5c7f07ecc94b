/** A volume's newest root is gone, and this machine knows that there was one. */

import assert from "node:assert/strict";
import { ExitStatus } from "../../cli/exit_status.ts";
import { withFolder } from "../temporary_folder.ts";
import { type CapturedRun, captureMain } from "./captured_main.ts";

Deno.test("no command takes the state before a lost one for the present, and check and scrub tell of the loss", () =>
  withFolder(async (folder) => {
    const store = `${folder}/archive`;
    const run = (...words: string[]): Promise<CapturedRun> =>
      captureMain([...words, "--store", `file:${store}`]);
    for (
      const words of [
        ["volume", "create", "disk", "1MiB", "--create"],
        ["volume", "grow", "disk", "2MiB"],
      ]
    ) assert.equal((await run(...words)).status, ExitStatus.Done);
    const [volume] = [...Deno.readDirSync(`${store}/roots`)];
    const key = `roots/${volume!.name}/0000000000000001`;
    await Deno.remove(`${store}/${key}`);
    for (
      const words of [
        ["check"],
        ["scrub"],
        ["history", "disk"],
        ["export", "disk", `${folder}/image`],
        ["snapshot", "create", "disk", "now"],
        ["volume", "grow", "disk", "3MiB"],
      ]
    ) {
      const { status, text } = await run(...words);
      assert.equal(status, ExitStatus.Damaged, `${words.join(" ")}\n${text}`);
      assert.ok(text.includes(key), text);
      assert.match(text, /missing/, text);
      assert.doesNotMatch(text, /No state of any volume/);
    }
    assert.match((await run("volume", "list")).text, /CORRUPT.*missing/);
    await Deno.remove(`${store}/local/heads.json`);
    for (const words of [["check"], ["scrub"], ["history", "disk"]]) {
      assert.equal((await run(...words)).status, ExitStatus.Done);
    }
  }));

Deno.test("an archive whose format blob is gone is told from a store without one", () =>
  withFolder(async (folder) => {
    const store = ["--store", `file:${folder}/archive`];
    const create = ["volume", "create", "disk", "1MiB", ...store, "--create"];
    assert.equal((await captureMain(create)).status, ExitStatus.Done);
    await Deno.remove(`${folder}/archive/format`);
    for (const words of [["check"], ["volume", "grow", "disk", "2MiB"]]) {
      const { status, text } = await captureMain([...words, ...store]);
      assert.equal(status, ExitStatus.Damaged, text);
      assert.match(text, /"format" is missing.*repair --from/);
      assert.doesNotMatch(text, /--create/);
    }
  }));
