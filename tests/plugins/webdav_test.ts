import assert from "node:assert/strict";
import { blobErrorCode, type BlobStore } from "../../blobstores/blob_store.ts";
import { testBlobStore } from "../../blobstores/conformance.ts";
import type { BlobStorePlugin } from "../../blobstores/plugin.ts";
import webdav from "../../plugins/examples/webdav.ts";
import { Apache, PASSWORD, USER } from "./apache.ts";
import { apacheTest } from "./apache_case.ts";

// The example knows no type of the server's, but must fit them.
const plugin: BlobStorePlugin = webdav;

async function codeOf(operation: Promise<unknown>): Promise<string> {
  return await operation.then(() => "resolved", blobErrorCode);
}

testBlobStore("webdav", async () => {
  const apache = await Apache.start();
  return {
    open: () =>
      plugin.open(`webdav://${apache.host}/shelf`, { create: true }, {}),
    remove: () => apache[Symbol.asyncDispose](),
  };
}, { register: apacheTest });

apacheTest(
  "webdav: a missing folder is made when asked for, alone",
  async () => {
    await using apache = await Apache.start();
    const url = `webdav://${apache.host}/a`;
    assert.equal(
      await codeOf(plugin.open(url, { create: false }, {})),
      "NotFound",
    );
    const store = await plugin.open(url, { create: true }, {});
    assert.equal(store.capabilities.createExclusive, true);
    assert.equal(store.display, `${url}/`);
    await store.put("x/y", new Uint8Array([1, 2]));
    await store.close();
    assert.equal(await codeOf(store.get("x/y")), "Unavailable");
    assert.deepEqual(
      await Deno.readFile(`${apache.folder}/a/x/y`),
      new Uint8Array([1, 2]),
    );
    // Uploads leave nothing behind.
    assert.deepEqual([...Deno.readDirSync(`${apache.folder}/a/UPLOADS`)], []);
  },
);

apacheTest(
  "webdav: logs in, and tells a wrong password by its code",
  async () => {
    await using apache = await Apache.start({ login: true });
    const url = `webdav://${apache.host}/`;
    const open = (settings: Record<string, string>): Promise<BlobStore> =>
      plugin.open(url, { create: false, settings }, {});
    const store = await open({ username: USER, password: PASSWORD });
    await store.put("a", new Uint8Array(3), { ifAbsent: true });
    assert.equal((await store.head("a"))?.size, 3);
    const wrong = [{}, { username: USER }, { username: USER, password: "x" }];
    for (const settings of wrong) {
      assert.equal(await codeOf(open(settings)), "PermissionDenied");
    }
    const inUrl = plugin.open(
      `webdav://${USER}:hush@${apache.host}/`,
      { create: false },
      {},
    );
    assert.equal(await codeOf(inUrl), "InvalidConfig");
    await assert.rejects(inUrl, (error) => !/hush/.test(String(error)));
  },
);

apacheTest(
  "webdav: a server without locks creates nothing exclusively",
  async () => {
    await using apache = await Apache.start({ locks: false });
    const url = `webdav://${apache.host}/`;
    const store = await plugin.open(url, { create: false }, {});
    assert.equal(store.capabilities.createExclusive, false);
    const body = new Uint8Array(3);
    assert.equal(
      await codeOf(store.put("a", body, { ifAbsent: true })),
      "Unsupported",
    );
    assert.equal(await store.head("a"), null);
    await store.put("a", body);
    assert.equal((await store.head("a"))?.size, 3);
  },
);

// Of one store. Between stores the server's lock decides, and Apache can grant
// one twice: what plugins/examples/webdav.ts says of it.
apacheTest(
  "webdav: each of many contests within a store has one winner",
  async () => {
    await using apache = await Apache.start();
    const url = `webdav://${apache.host}/`;
    const store = await plugin.open(url, { create: false }, {});
    for (let round = 0; round < 20; round++) {
      const create = async (index: number): Promise<string> => {
        const body = new Uint8Array(1000 + index);
        const put = store.put(`${round}`, body, { ifAbsent: true });
        return await codeOf(put);
      };
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, (_, index) => create(index)),
      );
      const winner = outcomes.indexOf("resolved");
      assert.deepEqual(
        outcomes,
        outcomes.map((_, index) =>
          index === winner ? "resolved" : "AlreadyExists"
        ),
      );
      assert.equal((await store.head(`${round}`))?.size, 1000 + winner);
    }
  },
);
