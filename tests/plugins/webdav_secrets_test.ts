/**
 * A server with a password works, is asked about, loses its store and is stopped:
 * neither it nor any command shows the password.
 */

import assert from "node:assert/strict";
import type { StoreStatistics } from "../../cas/archive_operations.ts";
import { captureMain } from "../cli/captured_main.ts";
import { systemTest } from "../system/rig.ts";
import { RunningServer } from "../guest/server.ts";
import { Apache, apacheObstacle, PASSWORD, USER } from "./apache.ts";
import { apacheTest } from "./apache_case.ts";
import { hashOf } from "./module_server.ts";

const MODULE = new URL("../../plugins/examples/webdav.ts", import.meta.url);

function assertSilent(text: string, what: string): void {
  const secrets = [
    PASSWORD,
    encodeURIComponent(PASSWORD),
    JSON.stringify(PASSWORD).slice(1, -1),
    new TextEncoder().encode(`${USER}:${PASSWORD}`).toBase64(),
  ];
  for (const secret of secrets) {
    assert.ok(!text.includes(secret), `${what} shows the password: ${text}`);
  }
}

/** A configuration of an archive on Apache, whose password is in the environment. */
async function writeConfig(folder: string, host: string): Promise<string> {
  const config = `${folder}/config.toml`;
  const text = await Deno.readTextFile(MODULE);
  await Deno.writeTextFile(
    config,
    `store = "webdav://${host}/archive"
state = "${folder}/state"
interfaces = ["lo"]
[[target]]
address = "1234.5"
volume = "disk"
[store-options]
concurrency = 3
[plugins.webdav]
module = "${MODULE.pathname}"
sha256 = "${await hashOf(text)}"
options = { username = "${USER}", password = "\${DAV_PASSWORD}" }
`,
  );
  return config;
}

const COMMANDS: readonly (readonly string[])[] = [
  ["snapshot", "create", "disk", "monday"],
  ["snapshot", "list"],
  ["volume", "list"],
  ["history", "disk"],
  ["diff", "disk", "disk@monday"],
  ["stats"],
  ["check"],
  ["inspect", "format"],
  ["store", "stats"],
];

async function runAll(config: string, succeeds: boolean): Promise<string> {
  let last = "";
  for (const command of COMMANDS) {
    const args = [...command, "--config", config, "--json"];
    const { status, text } = await captureMain(args);
    assertSilent(text, command.join(" "));
    assert.equal(status === 0, succeeds, `${command.join(" ")}: ${text}`);
    last = text;
  }
  return last;
}

(apacheObstacle() === undefined ? systemTest : apacheTest)(
  "a server and its commands show no password, whatever its store does",
  async () => {
    const folder = await Deno.makeTempDir({ prefix: "deepshelf-webdav-" });
    Deno.env.set("DAV_PASSWORD", PASSWORD);
    try {
      const apache = await Apache.start({ login: true });
      const config = await writeConfig(folder, apache.host);
      const volume = ["volume", "create", "disk", "1MiB", "--create"];
      const made = await captureMain([...volume, "--config", config]);
      assert.equal(made.status, 0, made.text);
      const main = new URL("../../main.ts", import.meta.url).pathname;
      const process = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", main, "serve", "--config", config, "--json"],
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      await using server = new RunningServer(process);
      await server.waitFor("ready");
      const answer = await runAll(config, true);
      // What the running server asked of its store.
      const { display, operations } = JSON.parse(answer) as StoreStatistics;
      assert.match(display, /^webdav:\/\/127\.0\.0\.1:\d+\/archive\/$/);
      assert.ok((operations.put?.count ?? 0) > 0, answer);
      assert.ok((operations.put?.bytes ?? 0) > 0, answer);
      assert.equal(operations.put?.active, 0);
      await apache[Symbol.asyncDispose]();
      await server.waitFor("store-failed").catch(() => undefined);
      const away = await captureMain(["volume", "list", "--config", config]);
      assert.notEqual(away.status, 0);
      assertSilent(away.text, "a command without the store");
      await server.end("SIGTERM");
      assertSilent(server.log(), "the server");
      assertSilent(JSON.stringify(server.events), "the server's events");
    } finally {
      Deno.env.delete("DAV_PASSWORD");
      await Deno.remove(folder, { recursive: true });
    }
  },
);
