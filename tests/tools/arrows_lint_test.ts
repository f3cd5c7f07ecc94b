import assert from "node:assert/strict";
import plugin from "../../tools/arrows_lint.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

function lint(file: string, source: string): Deno.lint.Diagnostic[] {
  return Deno.lint.runPlugin(plugin, decodeURIComponent(ROOT) + file, source);
}

function assertFault(file: string, source: string, pattern: RegExp): void {
  const found = lint(file, source);
  assert.equal(found.length, 1, `${file}: ${source}`);
  assert.match(found[0]!.message, pattern);
  assert.ok(found[0]!.hint, "a fault comes with a hint");
}

/** File, import, and whether the arrows allow it. */
const IMPORTS: [string, string, boolean][] = [
  ["main.ts", "./cli/serve.ts", true],
  ["main.ts", "./cas/mod.ts", false],
  ["mod.ts", "./aoe/mod.ts", true],
  ["mod.ts", "./cli/serve.ts", false],
  ["cli/serve.ts", "../aoe/mod.ts", true],
  ["cli/serve.ts", "../cas/front/volume.ts", true],
  ["cli/serve.ts", "../main.ts", false],
  ["cli/serve.ts", "../tests/x.ts", false],
  ["aoe/target.ts", "./header.ts", true],
  ["aoe/link/pcap.ts", "../header.ts", true],
  ["aoe/link/pcap.ts", "node:buffer", true],
  ["aoe/target.ts", "../cas/volume.ts", false],
  ["aoe/target.ts", "@noble/hashes/blake3", false],
  ["cas/score.ts", "@noble/hashes/blake3", true],
  ["cas/score.ts", "@deepshelf/deepshelf/aoe", false],
  ["cas/archive.ts", "../blobstores/blob_store.ts", true],
  ["cas/archive.ts", "../blobstores/file_store.ts", false],
  ["cas/archive.ts", "../blobstores/mod.ts", false],
  ["cas/archive.ts", "../plugins/registry.ts", false],
  ["cas/archive.ts", "../aoe/block_device.ts", false],
  ["cas/mod.ts", "./front/volume.ts", true],
  ["cas/mod.ts", "./engine/archive.ts", true],
  ["cas/front/volume.ts", "../archive_port.ts", true],
  ["cas/front/volume.ts", "../engine/archive.ts", false],
  ["cas/front/volume.ts", "../../blobstores/blob_store.ts", true],
  ["cas/front/volume.ts", "../../aoe/block_device.ts", false],
  ["cas/engine/archive.ts", "../block_pool.ts", true],
  ["cas/engine/archive.ts", "./deeper/../../front/overlay.ts", false],
  ["cas/engine/archive.ts", "../../blobstores/memory_store.ts", false],
  ["blobstores/file_store.ts", "./blob_store.ts", true],
  ["blobstores/conformance/check.ts", "../blob_store.ts", true],
  ["blobstores/file_store.ts", "../cas/score.ts", false],
  ["blobstores/file_store.ts", "../plugins/registry.ts", false],
  ["devices/file_device.ts", "../aoe/block_device.ts", true],
  ["devices/file_device.ts", "node:fs", true],
  ["devices/file_device.ts", "../aoe/target.ts", false],
  ["devices/file_device.ts", "../cas/disk/disk.ts", false],
  ["devices/file_device.ts", "hash-wasm", false],
  ["plugins/registry.ts", "../blobstores/file_plugin.ts", true],
  ["plugins/registry.ts", "../cli/serve.ts", false],
  ["tests/cli/serve_test.ts", "../../cli/serving/serve.ts", true],
  ["tests/cli/serve_test.ts", "../guest/guest.ts", true],
  ["tests/cli/serve_test.ts", "../../main.ts", false],
  ["bench/score_bench.ts", "../cas/score.ts", true],
  ["bench/score_bench.ts", "../tests/guest/guest.ts", false],
];

for (const [file, specifier, allowed] of IMPORTS) {
  const verb = allowed ? "may" : "may not";
  Deno.test(`${file} ${verb} import ${specifier}`, () => {
    const source = `import { x } from "${specifier}";`;
    if (allowed) assert.deepEqual(lint(file, source), []);
    else assertFault(file, source, / imports /);
  });
}

const FORMS = [
  `import { x } from "../cas/score.ts";`,
  `import type { X } from "../cas/score.ts";`,
  `import "../cas/score.ts";`,
  `export { x } from "../cas/score.ts";`,
  `export * from "../cas/score.ts";`,
  `const x = await import("../cas/score.ts");`,
  `type X = import("../cas/score.ts").X;`,
  `const x = new URL("../cas/score.ts", import.meta.url);`,
];

for (const source of FORMS) {
  Deno.test(`the arrows see ${source}`, () => {
    assertFault(
      "aoe/target.ts",
      source,
      /aoe\/target\.ts imports cas\/score\.ts/,
    );
    assert.deepEqual(lint("cas/target.ts", source), []);
  });
}

const NATIVE = [
  `Deno.dlopen("/x", {});`,
  `Deno["dlopen"]("/x", {});`,
  `const { dlopen } = Deno;`,
  `const { dlopen: open } = Deno;`,
];

for (const source of NATIVE) {
  Deno.test(`only two files may say ${source}`, () => {
    assertFault("aoe/link/pcap_open.ts", source, /native library/);
    assertFault("tests/x_test.ts", source, /native library/);
    assert.deepEqual(lint("aoe/link/pcap_library.ts", source), []);
    assert.deepEqual(lint("cli/archive/native_codec.ts", source), []);
  });
}

Deno.test("an export without a source and other URLs are none of its business", () => {
  const sources = [
    `export const x = 1;`,
    `const url = new URL("https://host/x.ts");`,
    `const url = new URL("../main.ts", import.meta.url);`,
    `const url = new URL("../cas/score.txt", import.meta.url);`,
    `const name = "../cas/score.ts"; await import(name);`,
    `Deno.open("x");`,
  ];
  for (const source of sources) assert.deepEqual(lint("aoe/x.ts", source), []);
});
