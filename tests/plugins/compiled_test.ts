/** What a program that `deno compile` has made loads. */

import assert from "node:assert/strict";
import { withFolder } from "../temporary_folder.ts";
import type { MainResult } from "./main_process.ts";
import { hashOf, ModuleServer, pluginText } from "./module_server.ts";

const PROGRAM: string = new URL("../../", import.meta.url).pathname;
const NO_BASE =
  "no base binary to compile with: set DENORT_BIN to the denort of this Deno";
const HAS_BASE: boolean = Deno.env.has("DENORT_BIN");

/** Runs it to its end. */
async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<MainResult> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: PROGRAM,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

Deno.test({
  name:
    `a compiled program loads pinned plugins from files and the web, and no packages${
      HAS_BASE ? "" : ` (skipped: ${NO_BASE})`
    }`,
  ignore: !HAS_BASE,
  fn: (t) =>
    withFolder(async (folder) => {
      const binary = `${folder}/program`;
      const compiled = await run(Deno.execPath(), [
        ...["compile", "-A", "--output", binary, "main.ts"],
      ]);
      assert.equal(compiled.code, 0, compiled.stderr);
      const list = (pin: string): Promise<MainResult> =>
        run(
          binary,
          ["snapshot", "list", "--store", "toy:x", "--plugin", `toy=${pin}`],
          { XDG_CACHE_HOME: folder },
        );
      const assertLoaded = ({ code, stderr }: MainResult): void => {
        assert.equal(code, 10, stderr);
        assert.match(stderr, /no archive in toy:here/);
      };

      await t.step("a file", async () => {
        const text = pluginText("// from a file");
        const module = `${folder}/plugin.ts`;
        await Deno.writeTextFile(module, text);
        const pin = `${module}#sha256=${await hashOf(text)}`;
        assertLoaded(await list(pin));
        await Deno.writeTextFile(module, `${text}// changed`);
        const changed = await list(pin);
        assert.equal(changed.code, 2, changed.stderr);
        assert.match(changed.stderr, /bytes have changed/);
      });

      await t.step("a web server, and then its cache", async () => {
        const text = pluginText("// from the web");
        const server = new ModuleServer(text);
        const pin = `${server.address}#sha256=${await hashOf(text)}`;
        assertLoaded(await list(pin));
        await server[Symbol.asyncDispose]();
        assertLoaded(await list(pin));
      });

      await t.step("no package", async () => {
        const { code, stderr } = await list("npm:@toys/plugin@1.2.3");
        assert.equal(code, 2, stderr);
        assert.match(stderr, /no lock file that Deno would hold to/);
        assert.match(stderr, /deno bundle npm:@toys\/plugin@1\.2\.3/);
      });

      await t.step("plugin add shows the hash", async () => {
        const module = `${folder}/plugin.ts`;
        const add = ["plugin", "add", module];
        const asked = await run(binary, add);
        assert.equal(asked.code, 2, asked.stderr);
        assert.match(asked.stderr, /compiled program cannot run .*--scheme/);
        const shown = await run(binary, [...add, "--scheme", "toy"]);
        assert.equal(shown.code, 0, shown.stderr);
        const hash = await hashOf(await Deno.readTextFile(module));
        assert.ok(shown.stdout.includes(hash), shown.stdout);
      });
    }),
});
