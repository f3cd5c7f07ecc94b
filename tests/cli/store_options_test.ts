import assert from "node:assert/strict";
import { serveOptions } from "../../cli/options/serve_options.ts";
import { linesOf } from "../../cli/verbs/store_stats.ts";
import { parseStoreOptions } from "../../cli/options/store_settings.ts";
import { UsageError } from "../../cli/usage_error.ts";
import { MeteredStore } from "../../blobstores/layers/metrics.ts";
import { MemoryStore } from "../../blobstores/memory_store.ts";
import { InstantClock } from "../blobstores/layers/turning_clock.ts";
import { captureMain } from "./captured_main.ts";

const FLAGS = { interface: ["lo"], target: ["1.0=disk"], store: "s3://shelf" };

Deno.test("the options of a store are read from flags and a file, and flags replace it", () => {
  const text = `[store-options]
    concurrency = 16
    upload = "20MiB"
    timeout = 60`;
  const flags = {
    ...FLAGS,
    "store-option": ["upload=1MiB", "download=2.5MiB"],
  };
  const { storeSettings } = serveOptions(flags, { path: "a.toml", text });
  assert.deepEqual(storeSettings, {
    concurrency: 16,
    uploadBytesPerSecond: 2 ** 20,
    downloadBytesPerSecond: 2.5 * 2 ** 20,
    timeoutMs: 60_000,
  });
  assert.equal(serveOptions(FLAGS).storeSettings, undefined);
});

Deno.test("a wrong option of a store is refused with what is right", () => {
  const refused: [string, RegExp][] = [
    ["upload", /NAME=VALUE, such as --store-option upload=20MiB/],
    ["uplaod=1MiB", /did you mean "upload"/],
    ["upload=quick", /bytes of a second.*20MiB/],
    ["upload=1", /at least 1KiB/],
    ["concurrency=0", /whole number from 1 to 1024/],
    ["timeout=1.5", /whole number from 1 to 3600/],
    ["__proto__=1", /known are/],
  ];
  for (const [text, message] of refused) {
    assert.throws(() => parseStoreOptions([text]), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
      return true;
    });
  }
  const file = { path: "a.toml", text: "[store-options]\nupload = true" };
  assert.throws(() => serveOptions(FLAGS, file), /"upload".*a\.toml must be/);
});

Deno.test("store stats is a table of what was asked, with percentiles and errors", async () => {
  const store = new MeteredStore(new MemoryStore(), new InstantClock());
  await store.put("a", new Uint8Array(2048));
  await store.get("b").catch(() => {});
  const [display, head, put, get] = linesOf({
    display: "memory:",
    operations: store.metrics,
  });
  assert.equal(display, "memory:");
  assert.match(head!, /OPERATION +COUNT.*P99 +MAX +ERRORS/);
  assert.match(put!, /^put +1 +0 +2KiB +0 ms +<= 1 ms +<= 1 ms +0 ms +-$/);
  assert.match(get!, /^get +1 .* 1 NotFound$/);
});

Deno.test("store validate finds a folder sound, tells its speed and leaves nothing", async () => {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-validate-" });
  try {
    const store = `file:${folder}/archive`;
    const args = ["store", "validate", store, "--json"];
    const missing = await captureMain(args);
    assert.equal(missing.status, 10, missing.text);
    const { status, text } = await captureMain([...args, "--create"]);
    assert.equal(status, 0, text);
    const report = JSON.parse(text);
    assert.ok(report.checks.length > 25);
    for (const { outcome, name } of report.checks) {
      assert.equal(outcome, "kept", name);
    }
    assert.ok(report.throughput.uploads[0].bytesPerSecond > 0);
    assert.ok(report.throughput.suggestions.concurrency >= 1);
    assert.equal(report.leftBehind, undefined);
    const names = [...Deno.readDirSync(`${folder}/archive`)].map((it) =>
      it.name
    );
    assert.deepEqual(names.filter((it) => it.startsWith("validate")), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("store validate says that a store is only for reading", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(null, { status: 404 }),
  );
  const store = `http://127.0.0.1:${server.addr.port}/archive`;
  const { status, text } = await captureMain(["store", "validate", store]);
  assert.equal(status, 2, text);
  assert.match(text, /nothing can be written/);
});
