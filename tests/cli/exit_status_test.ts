/** The same failure has the same exit status in every command. */

import assert from "node:assert/strict";
import { ExitStatus } from "../../cli/exit_status.ts";
import { withFolder } from "../temporary_folder.ts";
import { captureMain } from "./captured_main.ts";

const PLUGIN = new URL("../../plugins/examples/webdav.ts", import.meta.url);
const OTHER_HASH = "ab".repeat(32);

Deno.test("a file that is missing is told from a command that is wrong, and from one that failed", () =>
  withFolder(async (folder) => {
    async function expect(status: number, ...words: string[]): Promise<void> {
      const ran = await captureMain(words);
      assert.equal(ran.status, status, `${words.join(" ")}\n${ran.text}`);
    }
    const { Missing, Taken, Failed, Usage, Held, Done } = ExitStatus;
    const store = ["--store", `file:${folder}/archive`];
    await expect(
      Done,
      "volume",
      "create",
      "disk",
      "1MiB",
      ...store,
      "--create",
    );
    const none = `${folder}/none`;
    await expect(Missing, "import", none, "other", ...store);
    await expect(Missing, "estimate", none, ...store);
    await expect(Missing, "inspect", none);
    await expect(Missing, "inspect", "ab".repeat(32), ...store);
    await expect(Missing, "inspect", "packs/none", ...store);
    await expect(Missing, "export", "none", `${folder}/out`, ...store);
    await expect(Missing, "export", "disk", `${none}/out`, ...store);
    await expect(Missing, "check", "--store", `file:${none}`);
    await expect(Missing, "repair", "--from", `file:${none}`, ...store);
    const image = `${folder}/image`;
    await Deno.writeFile(image, new Uint8Array(4096));
    await expect(Taken, "export", "disk", image, ...store);
    await Deno.writeFile(image, new Uint8Array(0));
    await expect(Usage, "import", image, "other", ...store);
    await expect(Usage, "export", "disk", folder, ...store);
    const partial = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assert.ok(!partial.some((name) => name.includes(".partial")));
    await expect(Usage, "import", ...store);
    await expect(Usage, "plugin", "verify");
    await expect(Usage, "plugin", "verify", "--config", none);
    const plugin = ["plugin", "verify", "--plugin"];
    await expect(Usage, ...plugin, `dav=${PLUGIN.pathname}`);
    const other = `${PLUGIN.pathname}#sha256=${OTHER_HASH}`;
    await expect(Failed, ...plugin, `dav=${other}`);
    await expect(
      Failed,
      ...plugin,
      `dav=${PLUGIN.pathname}`,
      "--plugin",
      `other=${other}`,
    );
    const packs = [...Deno.readDirSync(`${folder}/archive/packs`)];
    const within = `${folder}/archive/packs/${packs[0]!.name}`;
    const [pack] = [...Deno.readDirSync(within)];
    const inspect = ["inspect", `${within}/${pack!.name}`];
    await expect(Done, ...inspect);
    await expect(Missing, ...inspect, "--block", "ab".repeat(32));
    const out = `${folder}/out`;
    const root = await captureMain(["volume", "list", ...store, "--json"]);
    const [{ rootHash }] = [JSON.parse(root.text)].flat();
    using held = await Deno.open(
      `${out}.${rootHash.slice(0, 16)}.partial`,
      { read: true, write: true, create: true },
    );
    assert.ok(await held.tryLock(true));
    await expect(Held, "export", "disk", out, ...store);
  }));
