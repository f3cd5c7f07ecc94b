import assert from "node:assert/strict";
import { blobErrorCode, type BlobStore } from "../../blobstores/blob_store.ts";
import {
  faultChecks,
  runFaultCheck,
} from "../../blobstores/conformance/failing.ts";
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

for (const check of faultChecks) {
  apacheTest(`webdav: ${check.name}`, async () => {
    await using apache = await Apache.start();
    await runFaultCheck(check, {
      upstream: apache.host,
      open: (host) =>
        plugin.open(`webdav://${host}/shelf`, { create: true }, {}),
    }, "faults/");
  });
}

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
  "webdav: no locks are needed",
  async () => {
    await using apache = await Apache.start({ locks: false });
    const url = `webdav://${apache.host}/`;
    const store = await plugin.open(url, { create: false }, {});
    assert.equal(store.capabilities.createExclusive, true);
    const body = new Uint8Array(3);
    await store.put("a", body, { ifAbsent: true });
    const again = store.put("a", body, { ifAbsent: true });
    assert.equal(await codeOf(again), "AlreadyExists");
    // Nothing of the contest is left.
    assert.deepEqual([...Deno.readDirSync(`${apache.folder}/CLAIMS`)], []);
  },
);

apacheTest(
  "webdav: each of many contests between servers has one winner",
  async () => {
    await using apache = await Apache.start();
    const url = `webdav://${apache.host}/`;
    const stores = await Promise.all(
      Array.from({ length: 4 }, () => plugin.open(url, { create: false }, {})),
    );
    for (let round = 0; round < 40; round++) {
      const key = `epochs/${round}`;
      const create = async (index: number): Promise<string> => {
        const body = new Uint8Array(1000 + index);
        const store = stores[index % stores.length]!;
        return await codeOf(store.put(key, body, { ifAbsent: true }));
      };
      const outcomes = await Promise.all(
        Array.from({ length: 16 }, (_, index) => create(index)),
      );
      const winner = outcomes.indexOf("resolved");
      assert.deepEqual(
        outcomes,
        outcomes.map((_, index) =>
          index === winner ? "resolved" : "AlreadyExists"
        ),
        `round ${round}`,
      );
      assert.equal((await stores[0]!.head(key))?.size, 1000 + winner);
    }
    assert.deepEqual([...Deno.readDirSync(`${apache.folder}/CLAIMS`)], []);
  },
);

apacheTest(
  "webdav: the claim of a client that died is taken over after a minute",
  async () => {
    await using apache = await Apache.start();
    const url = `webdav://${apache.host}/`;
    const store = await plugin.open(url, { create: false }, {});
    await (await fetch(`http://${apache.host}/CLAIMS/a~b/`, {
      method: "MKCOL",
    })).body?.cancel();
    using time = new FakeTimeouts();
    const body = new Uint8Array(7);
    await store.put("a/b", body, { ifAbsent: true });
    assert.equal((await store.head("a/b"))?.size, 7);
    assert.ok(time.waitedMs >= 60_000, `${time.waitedMs} ms`);
    assert.deepEqual([...Deno.readDirSync(`${apache.folder}/CLAIMS`)], []);
  },
);

/** Pauses of less than a second are over at once, and added up. */
class FakeTimeouts implements Disposable {
  waitedMs = 0;
  readonly #real = globalThis.setTimeout;

  constructor() {
    const real = this.#real;
    const fake = (
      callback: () => void,
      delayMs: number = 0,
    ): unknown => {
      if (delayMs >= 1000) return real(callback, delayMs);
      this.waitedMs += delayMs;
      return real(callback, 0);
    };
    globalThis.setTimeout = fake as unknown as typeof setTimeout;
  }

  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#real;
  }
}
