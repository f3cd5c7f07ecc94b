/**
 * A secret is planted in every place where one can come in, and every command
 * that touches a store is run with it, well and badly: nothing shows it.
 */

import assert from "node:assert/strict";
import type { Command } from "../../cli/command.ts";
import { COMMANDS } from "../../cli/commands.ts";
import { secretsOf } from "../../cli/verbs/store_secrets.ts";
import { TELLTALE } from "../blobstores/remote_kinds.ts";
import { SECRET } from "../blobstores/remote_kinds.ts";
import { ScriptedServer } from "../services/scripted_server.ts";
import { captureMain } from "./captured_main.ts";

const PLANTED: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: "SHELFACCESSKEY000001",
  AWS_SECRET_ACCESS_KEY: SECRET,
  AWS_SESSION_TOKEN: `${SECRET}-session`,
  AZURE_STORAGE_KEY: SECRET,
  AZURE_STORAGE_SAS_TOKEN: `?sv=2026-10-06&sp=rwl&sig=${SECRET}`,
  SHELF_PLANTED: SECRET,
};

/** Every command that takes a store; `start` is `serve` with defaults. */
const STORE_COMMANDS: readonly Command[] = COMMANDS.filter(({ options }) =>
  "store" in options
);

/** What a command needs beside the store, so that it comes as far as that. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  "serve": ["--interface", "lo", "--target", "9.9=disk"],
  "target add": ["9.9=disk"],
  "target remove": ["9.9"],
  "target grow": ["9.9"],
  "snapshot create": ["disk", "monday"],
  "diff": ["disk", "disk@monday"],
  "clone": ["disk", "copy"],
  "restore": ["disk@monday"],
  "volume list": [],
  "volume create": ["disk", "1MiB"],
  "volume grow": ["disk", "2MiB"],
  "volume rename": ["disk", "tape"],
  "snapshot list": [],
  "target list": [],
  "check": [],
  "store stats": [],
  "store validate": [],
  "inspect": ["format"],
};

function argsOf({ words }: Command, rest: readonly string[]): string[] {
  return [...words, ...(WORDS[words.join(" ")] ?? ["disk"]), ...rest];
}

function assertSilent(text: string, what: string): void {
  const forms = [SECRET, encodeURIComponent(SECRET), btoa(`shelf:${SECRET}`)];
  for (const form of forms) {
    assert.ok(!text.includes(form), `${what} shows the secret: ${text}`);
  }
  assert.ok(!/Signature=|[?&]sig=/.test(text), `${what}: ${text}`);
}

async function withPlanted(body: () => Promise<void>): Promise<void> {
  for (const [name, value] of Object.entries(PLANTED)) {
    Deno.env.set(name, value);
  }
  try {
    await body();
  } finally {
    for (const name of Object.keys(PLANTED)) Deno.env.delete(name);
  }
}

async function runAll(what: string, rest: readonly string[]): Promise<void> {
  for (const command of STORE_COMMANDS) {
    for (const json of [[], ["--json"]]) {
      const args = argsOf(command, [...rest, ...json]);
      const { status, text } = await captureMain(args);
      const name = `${what}: ${command.words.join(" ")} ${json}`;
      assert.notEqual(status, 0, `${name} succeeded: ${text}`);
      assert.notEqual(text.trim(), "", `${name} says nothing`);
      assertSilent(text, name);
    }
  }
}

/** A secret in each part of a URL where people put one; the host refuses connections. */
function urlsWithSecrets(): Record<string, string> {
  const host = "127.0.0.1:9";
  const encoded = encodeURIComponent(SECRET);
  return {
    "s3 user": `s3://shelf:${encoded}@bucket/x?endpoint=http://${host}`,
    "s3 query": `s3://bucket/x?endpoint=http://${host}&secret=${encoded}`,
    "s3 endpoint": `s3://bucket?endpoint=http://shelf:${encoded}@${host}`,
    "s3 presigned": `s3://bucket/x?X-Amz-Signature=${encoded}`,
    "azure user": `azure://shelf:${encoded}@account/c`,
    "azure SAS": `azure://account/c?sv=2026&sig=${encoded}`,
    "azure endpoint": `azure://a/c?endpoint=http://${host}/a?sig=${encoded}`,
    "http user": `http://shelf:${encoded}@${host}/x`,
    "http query": `http://${host}/x?token=${encoded}`,
    "http fragment": `http://${host}/x#${encoded}`,
    "unknown scheme": `ftp://shelf:${encoded}@${host}/x?token=${encoded}`,
    "file host": `file://shelf:${encoded}@${host}/x`,
    "no scheme": `//shelf:${encoded}@${host}/x?token=${encoded}`,
    "no scheme, query": `bucket/x?token=${encoded}#${encoded}`,
    "file query": `file:./x?token=${encoded}`,
    "memory query": `memory:?token=${encoded}`,
  };
}

Deno.test("a secret in a store's URL is shown by no command", async () => {
  assert.ok(STORE_COMMANDS.length > 20);
  for (const [what, url] of Object.entries(urlsWithSecrets())) {
    for (const command of STORE_COMMANDS) {
      const args = argsOf(command, ["--store", url, "--json"]);
      // memory: has no secrets, and may well succeed.
      const { text } = await captureMain(args);
      assertSilent(text, `${what}: ${command.words.join(" ")}`);
    }
  }
});

Deno.test("a secret of the environment is shown by no command that is refused", async () => {
  await withPlanted(async () => {
    const replies = [
      { status: 403, body: TELLTALE },
      { status: 301, headers: { location: `http://x/?sig=${SECRET}` } },
      { status: 400, body: TELLTALE },
    ];
    await using server = new ScriptedServer(() => replies[0]!);
    const { address } = server;
    const urls = [
      `s3://shelf?endpoint=${address}`,
      `azure://account/shelf?endpoint=${address}/account`,
      `${address}/shelf`,
    ];
    for (const reply of replies) {
      server.script = () => reply;
      for (const url of urls) await runAll(url, ["--store", url]);
    }
  });
});

Deno.test("an option of a plugin is shown by no command", async () => {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-secrets-" });
  try {
    // A plugin that tells everything it knows.
    const module = `${folder}/loud.ts`;
    const text = `export default { apiVersion: 1, schemes: ["loud"],
      options: [{ name: "token", type: "string", description: "It", secret: true }],
      open(url, { settings }) {
        const { token } = settings;
        const error = new Error("no " + token + " for " + url + " " +
          encodeURIComponent(token), { cause: new Error(token) });
        error.request = { headers: { authorization: token } };
        error.code = "PermissionDenied";
        return Promise.reject(error);
      } };`;
    await Deno.writeTextFile(module, text);
    const bytes = new TextEncoder().encode(text);
    const digest = await crypto.subtle.digest("SHA-256", bytes);
    const config = `${folder}/config.toml`;
    const encoded = encodeURIComponent(SECRET);
    await Deno.writeTextFile(
      config,
      `store = "loud://shelf:${encoded}@host/x"
[plugins.loud]
module = "${module}"
sha256 = "${new Uint8Array(digest).toHex()}"
options = { token = "\${SHELF_PLANTED}" }
`,
    );
    await withPlanted(() => runAll("a loud plugin", ["--config", config]));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what validate looks for are the secrets of environment, options and URL", () => {
  const found = secretsOf({
    store: "webdav://shelf:in%20url@host/x?token=in-query",
    plugins: [{
      scheme: "webdav",
      settings: { username: "shelf-user", password: "in-option" },
    }],
  }, {
    AWS_ACCESS_KEY_ID: "public",
    AWS_SECRET_ACCESS_KEY: "in-environment",
    AZURE_STORAGE_CONNECTION_STRING: "AccountName=a;AccountKey=in-string;",
    HOME_SECRET: "of something else",
  });
  assert.deepEqual(found.sort(), [
    "AccountName=a;AccountKey=in-string;",
    "in url",
    "in-environment",
    "in-option",
    "in-query",
    "in-string",
  ]);
});
