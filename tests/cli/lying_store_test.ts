/** A service whose create-if-absent lies is found out, and what to do is said. */

import assert from "node:assert/strict";
import { healthy, KINDS } from "../blobstores/remote_kinds.ts";
import { SECRET } from "../blobstores/remote_kinds.ts";
import { ScriptedServer } from "../services/scripted_server.ts";
import { captureMain } from "./captured_main.ts";

const URLS: Readonly<Record<string, (address: string) => string>> = {
  s3: (address) => `s3://shelf?endpoint=${address}`,
  azure: (address) => `azure://account/shelf?endpoint=${address}/account`,
};

for (const kind of KINDS) {
  const urlOf = URLS[kind.name];
  if (urlOf === undefined) continue;
  Deno.test(`${kind.name}: no archive is written where create-if-absent overwrites`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "deepshelf-lying-" });
    const variables = {
      AWS_ACCESS_KEY_ID: "SHELFACCESSKEY000001",
      AWS_SECRET_ACCESS_KEY: SECRET,
      AZURE_STORAGE_KEY: SECRET,
    };
    for (const [name, value] of Object.entries(variables)) {
      Deno.env.set(name, value);
    }
    try {
      const well = healthy(kind);
      await using server = new ScriptedServer((request) =>
        request.method === "PUT" ? { status: 201 } : well(request)
      );
      const { status, text } = await captureMain([
        ...["volume", "create", "disk", "1MiB", "--create"],
        ...["--store", urlOf(server.address), "--state", `${folder}/state`],
      ]);
      assert.equal(status, 1, text);
      assert.match(text, /takes no notice of create-if-absent/);
      assert.match(text, /--read-only.*docs\/stores\.md/s);
    } finally {
      for (const name of Object.keys(variables)) Deno.env.delete(name);
      await Deno.remove(folder, { recursive: true });
    }
  });
}
