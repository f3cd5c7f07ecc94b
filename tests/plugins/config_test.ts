import assert from "node:assert/strict";
import { joinPlugins, readPlugins } from "../../cli/plugins/plugin_config.ts";
import { pluginCachePath } from "../../cli/plugins/plugin_registry.ts";
import { followReferences } from "../../cli/options/references.ts";
import { serveOptions } from "../../cli/options/serve_options.ts";
import { UsageError } from "../../cli/usage_error.ts";
import { parse } from "smol-toml";

const HASH = "0123456789abcdef".repeat(4);

const SOURCES = {
  variable: (name: string): string | undefined =>
    new Map([["A", "one"], ["EMPTY", ""]]).get(name),
  file: (path: string): string => {
    if (path === "/run/secret") return "two words\n";
    throw new Error(`no ${path}`);
  },
};

Deno.test("followReferences() reads variables and files", () => {
  const cases = [
    ["plain $A {A}", "plain $A {A}"],
    ["${A}", "one"],
    ["<${A}${A}>", "<oneone>"],
    ["x${EMPTY}y", "xy"],
    ["${file:/run/secret}!", "two words!"],
    ["$${A}", "${A}"],
  ] as const;
  for (const [text, value] of cases) {
    assert.equal(followReferences(text, "here", SOURCES), value, text);
  }
});

Deno.test("followReferences() says which reference leads nowhere", () => {
  const cases = [
    ["${B}", /here: the environment has no variable B/],
    ["${}", /here: \$\{\} is no reference/],
    ["${a b}", /is no reference/],
    ["${file:/none}", /here: cannot read \/none/],
  ] as const;
  for (const [text, message] of cases) {
    assert.throws(
      () => followReferences(text, "here", SOURCES),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  }
});

Deno.test("readPlugins() reads a table of plugins", () => {
  const { plugins } = parse(`
[plugins]
toy = { module = "https://host/toy.ts", sha256 = "${HASH.toUpperCase()}" }
memory = { options = { depth = 3, deep = true } }
[plugins."toy+x"]
module = "./toy.ts"
options = { token = "\${A}" }
`);
  assert.deepEqual(readPlugins("file", plugins, SOURCES), [
    { scheme: "toy", module: "https://host/toy.ts", sha256: HASH },
    { scheme: "memory", settings: { depth: 3, deep: true } },
    { scheme: "toy+x", module: "./toy.ts", settings: { token: "one" } },
  ]);
});

Deno.test("readPlugins() refuses what it cannot mean, showing no value", () => {
  const cases = [
    [`plugins = 3`, /"plugins" in file must be a table/],
    [`[plugins]\nToy = { module = "x" }`, /lower case letter/],
    [`[plugins]\ntoy = "x.ts"`, /"toy" of "plugins" in file must be a table/],
    [`[plugins]\ntoy = { modul = "x" }`, /did you mean "module"/],
    [`[plugins]\ntoy = { module = 3 }`, /"module".*must be a string/],
    [`[plugins]\ntoy = { sha256 = "${HASH}" }`, /no "module"/],
    [`[plugins]\ntoy = { module = "x", sha256 = "${HASH}0" }`, /64 hex/],
    [
      `[plugins]\ntoy = { options = { a = ["hush"] } }`,
      /"a" of the plugin "toy" in file must be a string, a number/,
    ],
    [`[plugins]\ntoy = { options = { a = "\${B}" } }`, /no variable B/],
  ] as const;
  for (const [text, message] of cases) {
    assert.throws(
      () => readPlugins("file", parse(text).plugins, SOURCES),
      (error) =>
        error instanceof UsageError && message.test(error.message) &&
        !/hush/.test(error.message),
      text,
    );
  }
});

Deno.test("joinPlugins() reads --plugin, which replaces what a file says", () => {
  const file = [
    { scheme: "a", module: "a.ts" },
    { scheme: "b", module: "b.ts", sha256: HASH },
  ];
  const flags = [
    `b=https://host/b.ts?v=2#sha256=${HASH}`,
    "c=./c.ts",
  ];
  assert.deepEqual(joinPlugins(flags, file), [
    { scheme: "a", module: "a.ts" },
    { scheme: "b", module: "https://host/b.ts?v=2", sha256: HASH },
    { scheme: "c", module: "./c.ts" },
  ]);
  for (const flag of ["", "a", "a=", "=x.ts", "A=x.ts", "a=x.ts#sha256=12"]) {
    assert.throws(() => joinPlugins([flag]), UsageError, flag);
  }
});

Deno.test("serveOptions() takes plugins from flags and file", () => {
  const flags = {
    interface: ["eth0"],
    store: "toy:x",
    target: ["1.0=disk"],
    plugin: [`toy=./toy.ts#sha256=${HASH}`],
  };
  assert.deepEqual(serveOptions(flags).plugins, [
    { scheme: "toy", module: "./toy.ts", sha256: HASH },
  ]);
});

Deno.test("pluginCachePath() prefers the service's folder, then the user's", () => {
  const of = (variables: Record<string, string>): string | undefined =>
    pluginCachePath((name) => variables[name]);
  const all = {
    CACHE_DIRECTORY: "/var/cache/deepshelf:/other",
    XDG_CACHE_HOME: "/cache",
    HOME: "/home/me",
  };
  assert.equal(of(all), "/var/cache/deepshelf/plugins");
  assert.equal(of({ ...all, CACHE_DIRECTORY: "" }), "/cache/deepshelf/plugins");
  assert.equal(
    of({ HOME: "/home/me", XDG_CACHE_HOME: "relative" }),
    "/home/me/.cache/deepshelf/plugins",
  );
  assert.equal(of({}), undefined);
});
