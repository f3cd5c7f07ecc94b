import assert from "node:assert/strict";
import { BlobError, type BlobErrorCode } from "../../blobstores/blob_store.ts";
import { configuredRegistry } from "../../plugins/configured.ts";
import { PluginLoader } from "../../plugins/loader.ts";
import { readModule } from "../../plugins/module_bytes.ts";
import { ModuleCache } from "../../plugins/module_cache.ts";
import { openStore } from "../../plugins/registry.ts";
import { withFolder } from "../temporary_folder.ts";
import { runMain } from "./main_process.ts";
import { hashOf, ModuleServer, pluginText } from "./module_server.ts";

async function refusal(
  operation: Promise<unknown>,
  code: BlobErrorCode = "InvalidConfig",
): Promise<string> {
  const error = await operation.then(() => null, (error) => error);
  assert.ok(error instanceof BlobError, String(error));
  assert.equal(error.code, code, error.message);
  return error.message;
}

/** Loads a text from a file by its right hash. */
async function loadText(
  text: string,
  importTimeoutMs = 10_000,
): Promise<unknown> {
  const module = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(module, text);
    const sha256 = await hashOf(text);
    return await new PluginLoader({ importTimeoutMs })
      .load({ scheme: "toy", module, sha256 });
  } finally {
    await Deno.remove(module);
  }
}

Deno.test("a plugin over http is refused unpinned, with the line to paste", async () => {
  const text = pluginText("mark: (globalThis as any).unpinnedRan = true,");
  await using server = new ModuleServer(text);
  const entry = { scheme: "toy", module: server.address };
  const registry = configuredRegistry([entry]);
  const message = await refusal(openStore("toy:", { registry }));
  const hash = await hashOf(text);
  const line = `toy = { module = "${server.address}", sha256 = "${hash}" }`;
  assert.ok(message.includes(line), message);
  assert.ok(
    message.includes(`--plugin 'toy=${server.address}#sha256=${hash}'`),
  );
  assert.equal(Reflect.get(globalThis, "unpinnedRan"), undefined);
});

Deno.test("a pinned plugin over http opens its store", async () => {
  const text = pluginText("// pinned");
  await using server = new ModuleServer(text);
  const entry = {
    scheme: "toy",
    module: server.address,
    sha256: await hashOf(text),
  };
  const registry = configuredRegistry([entry]);
  const store = await openStore("toy:", { registry });
  await store.put("a", new Uint8Array([1, 2, 3]));
  assert.deepEqual(await store.get("a"), new Uint8Array([1, 2, 3]));
  await store.close();
});

Deno.test("a plugin whose bytes changed is refused, naming both hashes", async () => {
  const pinned = pluginText("// before");
  const changed = pluginText("mark: (globalThis as any).changedRan = true,");
  await using server = new ModuleServer(changed);
  const sha256 = await hashOf(pinned);
  const entry = { scheme: "toy", module: server.address, sha256 };
  const registry = configuredRegistry([entry]);
  const message = await refusal(openStore("toy:", { registry }));
  assert.ok(message.includes(sha256), message);
  assert.ok(message.includes(await hashOf(changed)), message);
  assert.equal(Reflect.get(globalThis, "changedRan"), undefined);
});

Deno.test("a local module that changed is refused, whatever is kept", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const module = `${folder}/plugin.ts`;
    const text = pluginText("// local");
    await Deno.writeTextFile(module, pluginText("// changed"));
    const sha256 = await hashOf(text);
    const cachePath = `${folder}/cache`;
    const bytes = new TextEncoder().encode(text);
    await new ModuleCache(cachePath).put(sha256, bytes);
    const loader = new PluginLoader({ cachePath });
    await refusal(loader.load({ scheme: "toy", module, sha256 }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a kept module needs no network, and a damaged one is fetched again", async () => {
  const cachePath = await Deno.makeTempDir();
  try {
    const text = pluginText("// kept");
    const sha256 = await hashOf(text);
    await using server = new ModuleServer(text);
    const reference = { scheme: "toy", module: server.address, sha256 };
    await Deno.writeTextFile(`${cachePath}/${sha256}`, "damaged");
    await new PluginLoader({ cachePath }).load(reference);
    assert.equal(server.requests, 1);
    assert.equal(await Deno.readTextFile(`${cachePath}/${sha256}`), text);
    const names = Array.from(Deno.readDirSync(cachePath), ({ name }) => name);
    assert.deepEqual(names, [sha256]);
    // Another thread has not imported it yet.
    const cached = await new ModuleCache(cachePath).get(sha256);
    assert.equal(new TextDecoder().decode(cached!), text);
  } finally {
    await Deno.remove(cachePath, { recursive: true });
  }
});

Deno.test("a redirect is noted, and so is that a module is not kept", async () => {
  const text = pluginText("// moved");
  await using server = new ModuleServer(text);
  const module = server.address.replace("plugin.ts", "moved");
  const notes: string[] = [];
  const loader = new PluginLoader({ report: (message) => notes.push(message) });
  await loader.load({ scheme: "toy", module, sha256: await hashOf(text) });
  assert.equal(notes.length, 2);
  assert.ok(notes[0]!.endsWith(`redirected to ${server.address}`), notes[0]);
  assert.match(notes[1]!, /every start needs the network.*XDG_CACHE_HOME/);
});

Deno.test("what cannot be pinned by one hash is refused with what to do", async () => {
  const cases = [
    [
      "npm:some-store@1.0.0",
      /deno cache --frozen=false npm:some-store@1\.0\.0/,
    ],
    ["jsr:@some/store", /deno bundle/],
    ["ftp://host/x.ts", /https: or http: URL/],
    ["https://user:hush@host/x.ts", /name and password in its URL/],
  ] as const;
  for (const [module, hint] of cases) {
    const loading = new PluginLoader().load({ scheme: "toy", module });
    const message = await refusal(loading);
    assert.match(message, hint);
    assert.doesNotMatch(message, /hush/);
  }
});

Deno.test("a module that is missing, too large or too slow is refused", async () => {
  await using server = new ModuleServer("x".repeat(100_000));
  const { address } = server;
  const missing = readModule(address.replace("plugin", "other"));
  assert.match(await refusal(missing, "Unavailable"), /HTTP 404/);
  const large = readModule(address, { bytesMax: 99_999 });
  assert.match(await refusal(large), /more than 99999 bytes/);
  assert.equal((await readModule(address)).bytes.length, 100_000);
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${silent.addr.port}/`;
  const slow = readModule(url, { timeoutMs: 50 });
  assert.match(await refusal(slow, "Timeout"), /within 0\.05 s/);
  silent.close();
  await refusal(readModule(url), "Unavailable");
  assert.match(
    await refusal(readModule("file:/no/such/plugin.ts")),
    /\/no\/such\/plugin\.ts/,
  );
});

Deno.test("a plugin that imports more than node: modules is refused", async () => {
  const local = new URL("./module_server.ts", import.meta.url).href;
  const specifiers = [
    "./other.ts",
    "lz4js",
    "npm:lz4js@0.2.0",
    "data:text/javascript,globalThis.importedRan=true",
    local,
  ];
  for (const specifier of specifiers) {
    const message = await refusal(
      loadText(`import "${specifier}"; export default {};`),
    );
    assert.match(message, /self-contained.*deno bundle/s, specifier);
  }
  assert.equal(Reflect.get(globalThis, "importedRan"), undefined);
  const later = await loadText(
    `export default { load: () => import("npm:lz4js@0.2.0") };`,
  ) as { default: { load(): Promise<unknown> } };
  await assert.rejects(later.default.load(), /it imports "npm:lz4js@0\.2\.0"/);
  const module = await loadText(
    `import { basename } from "node:path";
     import type { Unused } from "https://no-such-host.invalid/types.ts";
     export default basename("/a/b") satisfies string;`,
  );
  assert.equal((module as { default: unknown }).default, "b");
});

Deno.test("a plugin that imports from the web is refused, whatever comes from there", async () => {
  await using server = new ModuleServer(`console.log("imported ran");`);
  await withFolder(async (folder) => {
    const module = `${folder}/plugin.ts`;
    const text = `import "${server.address}"; export default {};`;
    await Deno.writeTextFile(module, text);
    const pin = `toy=${module}#sha256=${await hashOf(text)}`;
    const use = ["snapshot", "list", "--store", "toy:x", "--plugin", pin];
    // A lock file in force would take what Deno fetches before it asks.
    const flags = ["-A", "--no-lock"];
    const { code, stdout, stderr } = await runMain(use, { flags });
    assert.equal(code, 2, stderr);
    assert.match(stderr, /self-contained.*deno bundle/s);
    assert.doesNotMatch(stdout + stderr, /imported ran/);
  });
});

Deno.test("a plugin that fails to start is named, with the reason", async () => {
  const faulty: [string, RegExp][] = [
    [`throw new Error("no moon today");`, /no moon today/],
    [`throw null;`, /null/],
    ["export default {{", /SyntaxError/],
    ["await new Promise(() => {});", /not started after 0\.1 s/],
  ];
  for (const [text, reason] of faulty) {
    const message = await refusal(loadText(text, 100));
    assert.match(message, reason);
    assert.match(message, /Cannot load the plugin \S+\.ts:/);
  }
});

Deno.test("options without a module are for a built-in plugin", async () => {
  const settings = { colour: "green" };
  assert.throws(
    () => configuredRegistry([{ scheme: "toy", settings }]),
    /no built-in plugin.*plugin add/s,
  );
  const registry = configuredRegistry([{ scheme: "memory", settings }]);
  assert.match(
    await refusal(openStore("memory:", { registry })),
    /no option "colour": it has none/,
  );
  assert.throws(
    () => configuredRegistry([{ scheme: "file", module: "/x.ts" }]),
    /built-in file store serves them already/,
  );
});
