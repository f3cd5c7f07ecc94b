import assert from "node:assert/strict";
import { RemoteFailure } from "../../blobstores/remote_failure.ts";
import {
  type RemoteObject,
  type RemoteService,
  RemoteStore,
} from "../../blobstores/remote_store.ts";

const CAPABILITIES = { createExclusive: true, hold: false, concurrencyMax: 4 };

/** A store whose service lists these pages, whatever is asked. */
function storeOf(pages: readonly (readonly string[])[]): RemoteStore {
  const never = (): Promise<never> =>
    Promise.reject(new RemoteFailure({ status: 500 }));
  const service: RemoteService = {
    put: never,
    get: never,
    head: never,
    async *list(): AsyncGenerator<readonly RemoteObject[]> {
      for (const names of pages) {
        await Promise.resolve();
        yield names.map((name) => ({ name, size: name.length }));
      }
    },
    close(): void {},
  };
  return new RemoteStore({
    display: "s3://shelf",
    capabilities: CAPABILITIES,
    service,
  });
}

async function keysOf(store: RemoteStore, startAfter = ""): Promise<string[]> {
  const found = await Array.fromAsync(store.list("a", { startAfter }));
  return found.map(({ key }) => key);
}

Deno.test("objects that are no blobs are passed over", async () => {
  const pages = [["a/", "a//c", "a/B"], [], [
    "a/b",
    "a/\u{1f5c4}",
    "a/Z",
    "a0",
  ]];
  assert.deepEqual(await keysOf(storeOf(pages)), ["a/b", "a0"]);
});

Deno.test("a service that begins a listing too early is put right", async () => {
  const store = storeOf([["a/1", "a/2"], ["a/3", "a/4"]]);
  assert.deepEqual(await keysOf(store, "a/2"), ["a/3", "a/4"]);
});

Deno.test("a listing that is not in the order of bytes is refused", async () => {
  for (
    const pages of [[["a/b", "a-b"]], [["a/1"], ["a/1"]], [["a2"], ["a1"]]]
  ) {
    await assert.rejects(keysOf(storeOf(pages)), {
      code: "Unsupported",
      message: /s3:\/\/shelf.*not in the order of bytes/,
    });
  }
});

Deno.test("a listing behind all that it could have asks for nothing", async () => {
  assert.deepEqual(await keysOf(storeOf([["x", "a"]]), "b"), []);
});

Deno.test("a closed store says so", async () => {
  const store = storeOf([]);
  await store.close();
  await assert.rejects(store.head("a"), {
    code: "Unavailable",
    message: /was closed/,
  });
});
