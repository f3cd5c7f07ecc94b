/** What docs/plugins.md says a plugin from the web needs, and nothing beyond it. */

import assert from "node:assert/strict";
import { withFolder } from "../temporary_folder.ts";
import { type MainResult, runMain } from "./main_process.ts";
import { hashOf, ModuleServer, pluginText } from "./module_server.ts";

const VARIABLES = "--allow-env=CACHE_DIRECTORY,XDG_CACHE_HOME,HOME";

Deno.test("a plugin from the web loads under the permissions of docs/plugins.md", () =>
  withFolder(async (folder) => {
    const text = pluginText("// from the web");
    await using server = new ModuleServer(text);
    const { address } = server;
    const pin = `toy=${address}#sha256=${await hashOf(text)}`;
    const list = (...flags: string[]): Promise<MainResult> =>
      runMain(["snapshot", "list", "--store", "toy:x", "--plugin", pin], {
        flags: ["--no-prompt", ...flags],
        env: { XDG_CACHE_HOME: folder },
      });
    const net = `--allow-net=${new URL(address).host}`;
    const kept = [`--allow-read=${folder}`, `--allow-write=${folder}`];

    const refused = await list();
    assert.notEqual(refused.code, 10, refused.stderr);
    assert.match(refused.stderr, /net access/);
    const least = await list(net);
    assert.equal(least.code, 10, least.stderr);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
    const keeping = await list(net, VARIABLES, ...kept);
    assert.equal(keeping.code, 10, keeping.stderr);
    const { requests } = server;
    const restarted = await list(VARIABLES, ...kept);
    assert.equal(restarted.code, 10, restarted.stderr);
    assert.equal(server.requests, requests);
  }));
