import assert from "node:assert/strict";
import { blobErrorCode } from "../../blobstores/blob_store.ts";
import { testBlobStore } from "../../blobstores/conformance.ts";
import { memoryPlugin } from "../../blobstores/memory_plugin.ts";
import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";

testBlobStore("memory", () => {
  const space = new MemorySpace();
  return Promise.resolve({
    open: () => Promise.resolve(new MemoryStore({ space })),
  });
});

Deno.test("memory:NAME is one space, and two opens conflict", async () => {
  const plugin = memoryPlugin();
  const first = await plugin.open("memory:x", { create: true }, {});
  const second = await plugin.open("memory:x", { create: false }, {});
  const other = await plugin.open("memory:y", { create: true }, {});
  await first.put("a", new Uint8Array([1]));
  assert.deepEqual(await second.get("a"), new Uint8Array([1]));
  assert.equal(await other.head("a"), null);
  assert.notEqual(await first.hold?.(), null);
  assert.equal(await second.hold?.(), null);
  assert.notEqual(await other.hold?.(), null);
});

Deno.test("memory: alone is a space of its own each time", async () => {
  const plugin = memoryPlugin();
  const first = await plugin.open("memory:", { create: true }, {});
  const second = await plugin.open("memory:", { create: true }, {});
  await first.put("a", new Uint8Array([1]));
  assert.equal(await second.head("a"), null);
});

Deno.test("memory:NAME is not made without create, and its name is checked", async () => {
  const plugin = memoryPlugin();
  await assert.rejects(
    plugin.open("memory:typo", { create: false }, {}),
    (error) =>
      blobErrorCode(error) === "NotFound" && /--create/.test(`${error}`),
  );
  await assert.rejects(
    plugin.open("memory://host/x", { create: true }, {}),
    (error) => blobErrorCode(error) === "InvalidConfig",
  );
});

Deno.test("a closed memory store says so", async () => {
  const store = new MemoryStore();
  await store.close();
  await assert.rejects(store.head("a"), /closed/);
});
