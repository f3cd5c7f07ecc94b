import assert from "node:assert/strict";
import { withFolder } from "../temporary_folder.ts";
import { hashOf, ModuleServer, pluginText } from "./module_server.ts";
import { runMain } from "./main_process.ts";

const OPTIONS = `options: [
  { name: "token", type: "string", description: "To log in", secret: true, required: true },
  { name: "depth", type: "number", description: "How deep" },
],`;

Deno.test("a plugin from the web: refused unpinned, runs pinned, refused changed, runs from the cache", async () => {
  await withFolder(async (folder) => {
    const text = pluginText();
    const server = new ModuleServer(text);
    const { address } = server;
    const list = (pin: string, cache: string): ReturnType<typeof runMain> =>
      runMain(
        ["snapshot", "list", "--store", "toy:x", "--plugin", pin],
        { env: { XDG_CACHE_HOME: `${folder}/${cache}` } },
      );
    const unpinned = await list(`toy=${address}`, "a");
    assert.equal(unpinned.code, 2, unpinned.stderr);
    const flag = /--plugin '(toy=.*)'/.exec(unpinned.stderr)?.[1];
    assert.equal(flag, `toy=${address}#sha256=${await hashOf(text)}`);
    // The store is open: it has no archive, which it names itself.
    const pinned = await list(flag, "a");
    assert.equal(pinned.code, 10, pinned.stderr);
    assert.match(pinned.stderr, /no archive in toy:here/);
    server.text = pluginText("// changed");
    const changed = await list(flag, "b");
    assert.equal(changed.code, 2, changed.stderr);
    assert.ok(changed.stderr.includes(await hashOf(server.text)));
    const before = server.requests;
    const kept = await list(flag, "a");
    assert.equal(kept.code, 10, kept.stderr);
    assert.equal(server.requests, before);
    await server[Symbol.asyncDispose]();
    assert.equal((await list(flag, "a")).code, 10);
    assert.equal((await list(flag, "b")).code, 1);
  });
});

Deno.test("plugin add shows a plugin, whose lines allow it", async () => {
  await withFolder(async (folder) => {
    const text = pluginText(OPTIONS);
    await using server = new ModuleServer(text);
    const module = server.address.replace("plugin.ts", "moved");
    const shown = await runMain(["plugin", "add", module]);
    assert.equal(shown.code, 0, shown.stderr);
    const hash = await hashOf(text);
    for (
      const part of [
        `redirected to ${server.address}`,
        `${text.length} bytes`,
        hash,
        "toy:",
        "token  string, required, secret  To log in",
        `--plugin 'toy=${module}#sha256=${hash}'`,
      ]
    ) assert.ok(shown.stdout.includes(part), `${part} in ${shown.stdout}`);
    const [lines] = /^\[plugins\]\n.*$/m.exec(shown.stdout) ?? [];
    const config = `${folder}/config.toml`;
    await Deno.writeTextFile(config, `${lines}\n`);
    const listed = await runMain([
      "plugin",
      "list",
      "--config",
      config,
      "--json",
    ]);
    const entries = listed.stdout.trim().split("\n").map((it) =>
      JSON.parse(it)
    );
    assert.deepEqual(
      entries.find(({ scheme }) => scheme === "toy"),
      {
        scheme: "toy",
        builtIn: false,
        module,
        cached: false,
        sha256: hash,
        options: [],
      },
    );
    assert.ok(
      entries.some(({ scheme, builtIn }) => scheme === "file" && builtIn),
    );
    const added = await runMain(["plugin", "add", module, "--json"]);
    const [described] = added.stdout.trim().split("\n");
    assert.deepEqual(JSON.parse(described!).schemes, ["toy"]);
  });
});

Deno.test("plugin add writes where it is asked to, once", async () => {
  await withFolder(async (folder) => {
    const config = `${folder}/config.toml`;
    const module = `${folder}/plugin.ts`;
    await Deno.writeTextFile(module, pluginText());
    const before = `# mine\nstore = "toy:x"`;
    await Deno.writeTextFile(config, before, { mode: 0o640 });
    const add = ["plugin", "add", module, "--config", config, "--write"];
    const written = await runMain(add);
    assert.equal(written.code, 0, written.stderr);
    const after = await Deno.readTextFile(config);
    assert.ok(after.startsWith(before), after);
    assert.equal((await Deno.stat(config)).mode! & 0o777, 0o640);
    const used = await runMain(["snapshot", "list", "--config", config]);
    assert.equal(used.code, 10, used.stderr);
    assert.match(used.stderr, /toy:here/);
    const again = await runMain(add);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /toy: URLs already/);
    assert.equal(await Deno.readTextFile(config), after);
    const alone = await runMain(["plugin", "add", module, "--write"]);
    assert.equal(alone.code, 2);
  });
});

Deno.test("plugin add runs nothing of a plugin that could do harm", async () => {
  await withFolder(async (folder) => {
    const module = `${folder}/plugin.ts`;
    const touch = `Deno.writeTextFileSync("${folder}/touched", "");`;
    await Deno.writeTextFile(module, touch + pluginText());
    const refused = await runMain(["plugin", "add", module]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /plugin\.ts.*write access/);
    const faulty: [string, RegExp][] = [
      [`Deno.exit(0);`, /ends or hangs/],
      [`export default 3;`, /schemes/],
      [pluginText("apiVersion: 7,"), /plugin API 7/],
      [pluginText("open: undefined,"), /no function `open`/],
      [pluginText(`schemes: ["A\\u001b"],`), /no list of URL schemes/],
      [`import "./x.ts";`, /self-contained/],
    ];
    for (const [text, message] of faulty) {
      await Deno.writeTextFile(module, text);
      const { code, stderr } = await runMain(["plugin", "add", module]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    }
    assert.equal(await Deno.stat(`${folder}/touched`).catch(() => null), null);
  });
});

Deno.test("plugin verify finds what changed, and options that do not fit", async () => {
  await withFolder(async (folder) => {
    const module = `${folder}/plugin.ts`;
    const config = `${folder}/config.toml`;
    const text = pluginText(OPTIONS);
    await Deno.writeTextFile(module, text);
    const verify = async (
      options: string,
    ): Promise<Record<string, unknown>> => {
      const entry = `{ module = "${module}", sha256 = "${await hashOf(
        text,
      )}", options = { ${options} } }`;
      await Deno.writeTextFile(config, `[plugins]\ntoy = ${entry}\n`);
      const { code, stdout, stderr } = await runMain(
        ["plugin", "verify", "--config", config, "--json"],
        { env: { TOKEN: "hush-hush" } },
      );
      assert.doesNotMatch(stdout + stderr, /hush/);
      const verdict = JSON.parse(stdout);
      assert.equal(code, verdict.ok ? 0 : 1, stderr);
      return verdict;
    };
    const token = 'token = "${TOKEN}"';
    assert.equal((await verify(token)).ok, true);
    assert.match(
      String((await verify("depth = 3")).problem),
      /"token" is missing/,
    );
    assert.match(
      String((await verify(`${token}, dept = 3`)).problem),
      /did you mean "depth"/,
    );
    await Deno.writeTextFile(module, `${text}// changed`);
    assert.match(String((await verify(token)).problem), /bytes have changed/);
  });
});

Deno.test("a secret of a plugin is in nothing that the program says", async () => {
  await withFolder(async (folder) => {
    const module = `${folder}/plugin.ts`;
    const config = `${folder}/config.toml`;
    const text = pluginText(`${OPTIONS}
      open: (url: string, { settings }: any) => {
        throw new Error("refused with " + settings.token + " at " + encodeURIComponent(settings.token));
      },`);
    await Deno.writeTextFile(module, text);
    await Deno.writeTextFile(`${folder}/token`, "hush &%\n");
    await Deno.writeTextFile(
      config,
      `store = "toy:x"
[plugins.toy]
module = "${module}"
sha256 = "${await hashOf(text)}"
options = { token = "\${file:${folder}/token}" }
`,
    );
    for (const more of [[], ["--json"]]) {
      const args = ["snapshot", "list", "--config", config, ...more];
      const { code, stdout, stderr } = await runMain(args);
      assert.equal(code, 1);
      assert.match(stdout + stderr, /refused with \*\*\* at \*\*\*/);
      assert.doesNotMatch(stdout + stderr, /hush/);
    }
  });
});
