import assert from "node:assert/strict";
import type { PluginContext } from "../../blobstores/plugin.ts";
import { blobErrorCode } from "../../blobstores/blob_store.ts";
import { MemoryStore } from "../../blobstores/memory_store.ts";
import {
  BUILT_IN_PLUGINS,
  openStore,
  PluginRegistry,
  type PluginSource,
} from "../../plugins/registry.ts";

async function refusal(operation: Promise<unknown>): Promise<string> {
  const error = await operation.then(() => null, (error) => error);
  assert.equal(blobErrorCode(error), "InvalidConfig", String(error));
  return (error as Error).message;
}

function source(plugin: unknown, schemes: string[] = ["test"]): PluginSource {
  return {
    name: "/srv/test_plugin.ts",
    schemes,
    load: () => Promise.resolve({ default: plugin }),
  };
}

function plugin(changes: Record<string, unknown> = {}): unknown {
  const open = (): Promise<unknown> => Promise.resolve(new MemoryStore());
  return { apiVersion: 1, schemes: ["test"], open, ...changes };
}

Deno.test("openStore() opens a folder and a space in memory", async () => {
  const path = await Deno.makeTempDir({ prefix: "deepshelf-" });
  try {
    const file = await openStore(`file:${path}/deep/er`, { create: true });
    await file.put("a", new Uint8Array([1]));
    await file.close();
    assert.deepEqual(
      await Deno.readFile(`${path}/deep/er/a`),
      new Uint8Array([1]),
    );
  } finally {
    await Deno.remove(path, { recursive: true });
  }
  const memory = await openStore("MEMORY:");
  assert.equal(memory.display, "memory:");
  await memory.close();
});

Deno.test("openStore() passes url, create and signal on to the plugin", async () => {
  const calls: unknown[] = [];
  const open = (
    url: unknown,
    options: unknown,
    { openStore, ...context }: PluginContext,
  ): Promise<unknown> => {
    assert.equal(typeof openStore, "function");
    calls.push([url, options, context]);
    return Promise.resolve(new MemoryStore());
  };
  const registry = new PluginRegistry([source(plugin({ open }))]);
  const { signal } = new AbortController();
  await openStore("test:A b?c", { create: true, signal, registry });
  await openStore("test:", { registry });
  assert.deepEqual(calls, [
    ["test:A b?c", { create: true, settings: {} }, { signal }],
    ["test:", { create: false, settings: {} }, {}],
  ]);
});

Deno.test("an unknown scheme lists the known ones and the nearest", async () => {
  const near = await refusal(openStore("flie:./archive"));
  assert.match(near, /file:.*memory:/);
  assert.match(near, /Did you mean file: \?/);
  const far = await refusal(openStore("gopher://user:secret@host/"));
  assert.match(far, /gopher:.*file:.*memory:/);
  assert.doesNotMatch(far, /Did you mean|secret/);
});

Deno.test("a path without a scheme gets the URL to type", async () => {
  assert.match(await refusal(openStore("./archive")), /type file:\.\/archive/);
  assert.match(await refusal(openStore("c:/archive")), /type file:/);
  assert.match(await refusal(openStore("")), /type file:\.\/archive/);
});

Deno.test("a scheme is registered once", () => {
  const registry = new PluginRegistry();
  const before = registry.schemes;
  assert.ok(before.includes("file") && before.includes("memory"));
  assert.throws(
    () => registry.register(source(plugin(), ["test", "file"])),
    /\/srv\/test_plugin\.ts.*file:.*the built-in file store/,
  );
  assert.deepEqual(registry.schemes, before, "nothing was added");
  registry.register(source(plugin()));
  assert.throws(() => registry.register(source(plugin())), /test:/);
  assert.throws(() => registry.register(source(plugin(), ["x", "x"])), /x:/);
  for (const scheme of ["", "S3", "s3:", "3s"]) {
    assert.throws(
      () => registry.register(source(plugin(), [scheme])),
      /scheme/,
    );
  }
  assert.throws(() => registry.register(source(plugin(), [])), /no URL scheme/);
});

Deno.test("a plugin is loaded when it is used, and not before", async () => {
  let loads = 0;
  const lazy: PluginSource = {
    ...source(undefined),
    load: () => {
      loads += 1;
      return Promise.resolve({ default: plugin() });
    },
  };
  const registry = new PluginRegistry([...BUILT_IN_PLUGINS, lazy]);
  await openStore("memory:", { registry });
  assert.equal(loads, 0);
  await openStore("test:", { registry });
  assert.equal(loads, 1);
});

Deno.test("a plugin that does not keep the contract is refused by name", async () => {
  const faulty: [unknown, RegExp][] = [
    [undefined, /default export/],
    [plugin({ apiVersion: undefined }), /apiVersion/],
    [plugin({ apiVersion: 2 }), /plugin API 2.*has 1.*the server/],
    [plugin({ apiVersion: 0 }), /plugin API 0.*Update the plugin/],
    [plugin({ open: undefined }), /no function `open`/],
    [plugin({ schemes: ["other"] }), /\["other"\]/],
    [plugin({ schemes: undefined }), /missing/],
  ];
  for (const [value, pattern] of faulty) {
    const registry = new PluginRegistry([source(value)]);
    const message = await refusal(openStore("test:", { registry }));
    assert.match(message, pattern);
    assert.match(message, /\/srv\/test_plugin\.ts/);
  }
});

Deno.test("a plugin that cannot be loaded is named, with the reason", async () => {
  const broken: PluginSource = {
    ...source(undefined),
    load: () => Promise.reject(new SyntaxError("Unexpected token")),
  };
  const registry = new PluginRegistry([broken]);
  assert.match(
    await refusal(openStore("test:", { registry })),
    /\/srv\/test_plugin\.ts.*Unexpected token/,
  );
});

Deno.test("what a plugin opens must be a store", async () => {
  const complete = new MemoryStore();
  const opened: [unknown, RegExp][] = [
    [null, /lacks put, get, head, list, close, capabilities, display/],
    [{ ...members(complete), list: undefined }, /lacks list$/],
    [{ ...members(complete), hold: undefined }, /lacks hold$/],
  ];
  for (const [store, pattern] of opened) {
    const open = (): Promise<unknown> => Promise.resolve(store);
    const registry = new PluginRegistry([source(plugin({ open }))]);
    const message = await refusal(openStore("test:", { registry }));
    assert.match(message, pattern);
    assert.match(message, /test_plugin/);
  }
});

function members(store: MemoryStore): Record<string, unknown> {
  const { display, capabilities, put, get, head, list, hold, close } = store;
  return { display, capabilities, put, get, head, list, hold, close };
}
