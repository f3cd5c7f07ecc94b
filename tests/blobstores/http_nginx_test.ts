/** `http:` stores on nginx. */

import assert from "node:assert/strict";
import type {
  BlobDescription,
  BlobStore,
} from "../../blobstores/blob_store.ts";
import { testBlobStore } from "../../blobstores/conformance.ts";
import { openFileStore } from "../../blobstores/file_store.ts";
import plugin from "../../blobstores/http_plugin.ts";
import { archiveErrorCode } from "../../cas/errors.ts";
import { WEB_REQUIREMENTS } from "../../setup/requirements.ts";
import {
  assertHolds,
  GENERATIONS,
  Model,
  READ_BLOCKS,
  Server,
} from "../services/archive_tests.ts";
import { type Nginx, startNginx } from "../services/nginx.ts";
import { serviceTests } from "../services/service_tests.ts";

const { possible, test } = serviceTests("nginx", WEB_REQUIREMENTS);
let nginx: Nginx | undefined;
let folder = "";
let places = 0;

if (possible) {
  Deno.test.beforeAll(async () => {
    folder = await Deno.makeTempDir({ prefix: "deepshelf-web-" });
    nginx = await startNginx(folder);
  });
  Deno.test.afterAll(async () => {
    await nginx?.[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  });
}

function openWeb(url: string): Promise<BlobStore> {
  return plugin.open(url, { create: false }, {});
}

/** What is typed in the folder to publish it. */
async function publish(path: string): Promise<void> {
  const { success, stdout } = await new Deno.Command("find", {
    args: [".", "-type", "f", "-printf", "%s %P\n"],
    cwd: path,
  }).output();
  assert.ok(success);
  await Deno.writeFile(`${path}/LISTING`, stdout);
}

/** Written as a folder and read over HTTP: together they can do everything. */
async function openPublished(path: string, url: string): Promise<BlobStore> {
  const written = await openFileStore({ path, create: true });
  await publish(path);
  const read = await openWeb(url);
  return {
    display: read.display,
    capabilities: { ...written.capabilities, hold: false },
    put: (key, body, options) => written.put(key, body, options),
    get: (key, options) => read.get(key, options),
    head: (key, options) => read.head(key, options),
    async *list(prefix, options): AsyncGenerator<BlobDescription> {
      await publish(path);
      yield* read.list(prefix, options);
    },
    async close(): Promise<void> {
      await read.close();
      await written.close();
    },
  };
}

testBlobStore("http on nginx", () => {
  const name = `place-${++places}`;
  const open = (): Promise<BlobStore> =>
    openPublished(`${folder}/${name}`, `${nginx?.plain}/${name}`);
  return Promise.resolve({ open });
}, { register: test });

const KEYS = ["a-b", "a.b", "a/b", "a/c/d", "a/c0", "a0", "b", "c/d/e/f"];

test("http on nginx: an index of folders lists like a LISTING", async () => {
  const path = `${folder}/indexed`;
  const store = await openFileStore({ path, create: true });
  for (const key of KEYS) await store.put(key, new Uint8Array(key.length));
  await store.close();
  await Deno.mkdir(`${path}/local/journal`, { recursive: true });
  await Deno.writeTextFile(`${path}/local/journal/0001`, "not a blob");
  const web = await openWeb(`${nginx?.indexed}/indexed`);
  for (const prefix of ["", "a", "a/", "a/c", "a/c/", "b", "c/d/", "none/"]) {
    for (const startAfter of ["", "a.b", "a/b", "a/c", "a/c/d", "b", "c/x"]) {
      const found = await Array.fromAsync(web.list(prefix, { startAfter }));
      const expected = KEYS.filter((key) =>
        key.startsWith(prefix) && key > startAfter
      );
      assert.deepEqual(
        found,
        expected.map((key) => ({ key, size: key.length })),
        `the listing of "${prefix}" after "${startAfter}"`,
      );
    }
  }
  await web.close();
});

test("http on nginx: without a listing blobs are read, and a listing says what to type", async () => {
  const path = `${folder}/unlisted`;
  const store = await openFileStore({ path, create: true });
  await store.put("roots/a", Uint8Array.of(1, 2, 3));
  await store.close();
  const web = await openWeb(`${nginx?.plain}/unlisted`);
  const range = { offset: 1, length: 2 };
  assert.deepEqual(await web.get("roots/a", { range }), Uint8Array.of(2, 3));
  await assert.rejects(Array.fromAsync(web.list("roots/")), {
    code: "Unsupported",
    message: /find \. -type f .*> LISTING.*autoindex_format json/,
  });
  await web.close();
});

test("http on nginx: nothing is written, and a store is not made", async () => {
  const web = await openWeb(`${nginx?.indexed}/`);
  for (const options of [{}, { ifAbsent: true }]) {
    await assert.rejects(web.put("blob", new Uint8Array(1), options), {
      code: "Unsupported",
      message: /read-only/,
    });
  }
  await web.close();
  await assert.rejects(plugin.open(`${nginx?.plain}/`, { create: true }, {}), {
    code: "Unsupported",
  });
});

test("http on nginx: a published archive is read, its newest roots included", async () => {
  const path = `${folder}/archive`;
  const write = (): Promise<BlobStore> => openFileStore({ path, create: true });
  const model = new Model();
  const kinds = [
    () => openWeb(`${nginx?.indexed}/archive`),
    async () => {
      await publish(path);
      return await openWeb(`${nginx?.plain}/archive`);
    },
  ];
  for (const [index, read] of kinds.entries()) {
    const writes = GENERATIONS[index]!;
    {
      await using server = await Server.open(write);
      const view = await server.openDisk();
      model.write(writes);
      await server.bench.write(server.archive, view, writes);
    }
    await using server = await Server.open(read, { access: "read" });
    const { bench, archive } = server;
    const { view } = await archive.openView({ volume: "disk" });
    await assertHolds(bench, archive, { view, model, blocks: READ_BLOCKS });
    await assert.rejects(
      archive.createSnapshot(view, "now"),
      (error) => archiveErrorCode(error) === "ReadOnly",
    );
  }
});

test("http on nginx: a URL with credentials is refused, and they are not shown", async () => {
  const planted = "planted-secret-0123456789";
  const urls = [
    `http://user:${planted}@127.0.0.1/archive`,
    `https://127.0.0.1/archive?sig=${planted}`,
  ];
  for (const url of urls) {
    await assert.rejects(openWeb(url), (error: Error & { code?: string }) => {
      assert.equal(error.code, "InvalidConfig");
      assert.ok(!Deno.inspect(error).includes(planted));
      return true;
    });
  }
});
