/** `azure:` stores against Azurite. */

import assert from "node:assert/strict";
import plugin from "../../blobstores/azure_plugin.ts";
import {
  testBlobStore,
  testBlobStoreFaults,
} from "../../blobstores/conformance.ts";
import { testArchiveIn } from "../services/archive_tests.ts";
import {
  type Azurite,
  AZURITE_KEY,
  startAzurite,
} from "../services/azurite.ts";

let azurite: Azurite | undefined;
let places = 0;

Deno.test.beforeAll(async () => {
  azurite = await startAzurite();
  Deno.env.set("AZURE_STORAGE_KEY", azurite.accountKey);
});
Deno.test.afterAll(async () => {
  Deno.env.delete("AZURE_STORAGE_KEY");
  await azurite?.[Symbol.asyncDispose]();
});

function urlOf(path: string): string {
  return `azure://${azurite?.account}/${path}?endpoint=${azurite?.endpoint}`;
}

function newUrl(): string {
  return urlOf(`shelf/place-${++places}`);
}

testBlobStore("azure on Azurite", () => {
  const url = newUrl();
  return Promise.resolve({
    open: () => plugin.open(url, { create: true }, {}),
  });
}, { secrets: [AZURITE_KEY] });

testBlobStoreFaults("azure on Azurite", () => ({
  upstream: new URL(azurite!.endpoint).host,
  open: (host) => {
    const endpoint = `http://${host}/${azurite!.account}`;
    return plugin.open(
      `azure://${azurite!.account}/shelf/faults?endpoint=${endpoint}`,
      { create: true },
      {},
    );
  },
}));

testArchiveIn("azure on Azurite", {
  register: Deno.test,
  newPlace: () => {
    const url = newUrl();
    return () => plugin.open(url, { create: true }, {});
  },
});

Deno.test("azure on Azurite: a container is made only when that is asked for", async () => {
  const url = urlOf("another-shelf");
  await assert.rejects(plugin.open(url, { create: false }, {}), {
    code: "NotFound",
    message: /there is no container "another-shelf".*--create/,
  });
  await (await plugin.open(url, { create: true }, {})).close();
  await (await plugin.open(url, { create: false }, {})).close();
});

Deno.test("azure on Azurite: a connection string opens the store as well", async () => {
  const { account, accountKey, endpoint } = azurite!;
  const key = Deno.env.get("AZURE_STORAGE_KEY")!;
  Deno.env.delete("AZURE_STORAGE_KEY");
  Deno.env.set(
    "AZURE_STORAGE_CONNECTION_STRING",
    `DefaultEndpointsProtocol=http;AccountName=${account};` +
      `AccountKey=${accountKey};BlobEndpoint=${endpoint};`,
  );
  try {
    const url = `azure://${account}/shelf/by-connection-string`;
    const store = await plugin.open(url, { create: true }, {});
    await store.put("blob", new Uint8Array(3));
    assert.equal((await store.head("blob"))?.size, 3);
    await store.close();
  } finally {
    Deno.env.delete("AZURE_STORAGE_CONNECTION_STRING");
    Deno.env.set("AZURE_STORAGE_KEY", key);
  }
});

Deno.test("azure on Azurite: a wrong key is refused and shown nowhere", async () => {
  const right = Deno.env.get("AZURE_STORAGE_KEY")!;
  const planted = btoa("planted-secret-0123456789");
  Deno.env.set("AZURE_STORAGE_KEY", planted);
  try {
    await assert.rejects(
      plugin.open(newUrl(), { create: true }, {}),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, "PermissionDenied");
        const shown = Deno.inspect(error, { depth: 20, showHidden: true });
        assert.ok(!shown.includes(planted), "the key is in the error");
        assert.ok(!/SharedKey /.test(shown), "a signature is in the error");
        return true;
      },
    );
  } finally {
    Deno.env.set("AZURE_STORAGE_KEY", right);
  }
});
