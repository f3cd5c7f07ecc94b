import assert from "node:assert/strict";
import { testBlobStore } from "../../blobstores/conformance.ts";
import { configuredRegistry } from "../../plugins/configured.ts";
import { openStore } from "../../plugins/registry.ts";
import { serveOptions } from "../../cli/options/serve_options.ts";
import { hashOf } from "./module_server.ts";
import { runMain } from "./main_process.ts";

const PAGE = await Deno.readTextFile(
  new URL("../../docs/plugins.md", import.meta.url),
);

/** The blocks of code in a language, in order. */
function blocksOf(language: string): string[] {
  const blocks = PAGE.matchAll(
    new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"),
  );
  return Array.from(blocks, ([, code = ""]) => code);
}

/** The whole plugin of the page. */
const EXAMPLE = blocksOf("ts").find((code) => code.includes("apiVersion"))!;

/** Writes the example into a folder of its own. */
async function copyExample(): Promise<{ folder: string; module: string }> {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-docs-" });
  const module = `${folder}/notes.ts`;
  await Deno.writeTextFile(module, EXAMPLE);
  return { folder, module };
}

let places = 0;

testBlobStore("the example of docs/plugins.md", async () => {
  const { folder, module } = await copyExample();
  const sha256 = await hashOf(EXAMPLE);
  const registry = configuredRegistry([{ scheme: "notes", module, sha256 }]);
  const url = `notes:${places++}`;
  return {
    open: () => openStore(url, { create: true, registry }),
    remove: () => Deno.remove(folder, { recursive: true }),
  };
});

Deno.test("the example's own test file of docs/plugins.md runs", async () => {
  const { folder } = await copyExample();
  try {
    const test = blocksOf("ts").find((code) => code.includes("testBlobStore"))!;
    const project = new URL("../../", import.meta.url).pathname;
    await Deno.symlink(project, `${folder}/deepshelf`);
    await Deno.mkdir(`${folder}/notes`);
    await Deno.rename(`${folder}/notes.ts`, `${folder}/notes/notes.ts`);
    await Deno.writeTextFile(`${folder}/notes/notes_test.ts`, test);
    const { success, stdout, stderr } = await new Deno.Command(
      Deno.execPath(),
      {
        args: ["test", "--allow-all", "--no-lock", "notes_test.ts"],
        cwd: `${folder}/notes`,
        env: { NO_COLOR: "1" },
      },
    ).output();
    const text = new TextDecoder().decode(stdout);
    assert.ok(success, text + new TextDecoder().decode(stderr));
    assert.match(text, /[23]\d passed/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the configuration of docs/plugins.md is read as meant", () => {
  const [text = ""] = blocksOf("toml");
  Deno.env.set("NOTES_TOKEN", "sesame");
  try {
    const options = serveOptions({}, { path: "deepshelf.toml", text });
    const [plugin] = options.plugins ?? [];
    assert.equal(plugin?.scheme, "notes");
    assert.equal(plugin.module, "https://example.org/notes.ts");
    assert.deepEqual(plugin.settings, { token: "sesame" });
  } finally {
    Deno.env.delete("NOTES_TOKEN");
  }
});

/** The documented command for a plugin in a file, with its folder replaced. */
async function documentedCommand(
  folder: string,
): Promise<{ flags: string[]; args: string[] }> {
  const command = blocksOf("sh").find((code) => code.includes("--allow-read"))!;
  const words = command.replaceAll("/etc/deepshelf", folder)
    .replace("sha256=…", `sha256=${await hashOf(EXAMPLE)}`)
    .replaceAll("'", "").trim().split(/\s+/);
  const main = words.indexOf("main.ts");
  assert.deepEqual(words.slice(0, 2), ["deno", "run"]);
  return { flags: words.slice(2, main), args: words.slice(main + 1) };
}

Deno.test("a plugin in a file loads under the permissions of docs/plugins.md", async () => {
  const { folder } = await copyExample();
  try {
    const { flags, args } = await documentedCommand(folder);
    assert.ok(!flags.includes("-A"));
    const loaded = await runMain(args, { flags });
    // The plugin itself says that its store is not there.
    assert.equal(loaded.code, 10, loaded.stderr);
    assert.match(loaded.stderr, /no such store\..*plugin .*notes\.ts/);
    const without = flags.filter((flag) => !flag.startsWith("--allow-read"));
    const refused = await runMain(args, { flags: without });
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /read access/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
