import assert from "node:assert/strict";
import { serveOptions } from "../../cli/options/serve_options.ts";
import { UsageError } from "../../cli/usage_error.ts";

Deno.test("serveOptions() names the option that is missing or repeated", () => {
  const flags = {
    interface: ["eth0"],
    store: "memory:",
    target: ["1.0=disk"],
  };
  const cases = [
    [{}, /Nothing to serve: .*--target 1\.0=disk:64GiB, .*help serve/],
    [{ ...flags, interface: [] }, /--interface/],
    [{ interface: ["eth0"], target: ["1.0=disk"] }, /--store/],
    [{ ...flags, target: [] }, /--target/],
    [{ ...flags, target: ["1.0=a", "1.0=b"] }, /1\.0 is given twice/],
    [{ ...flags, interface: ["eth0", "eth0"] }, /eth0 is given twice/],
  ] as const;
  for (const [wrong, hint] of cases) {
    assert.throws(
      () => serveOptions(wrong),
      (error) => error instanceof UsageError && hint.test(error.message),
    );
  }
});

const CONFIG = `
store = "file:/srv/archive"
state = "/var/lib/deepshelf"
interfaces = ["eth1"]

[[target]]
address = "1.0"
volume = "disk"
size = "64GiB"

[[target]]
address = "1.1"
volume = "disk"
snapshot = "monday"
`;

Deno.test("serveOptions() reads a file, and flags replace what it says", () => {
  const file = { path: "deepshelf.toml", text: CONFIG };
  assert.deepEqual(serveOptions({}, file), {
    interfaces: ["eth1"],
    store: "file:/srv/archive",
    state: "/var/lib/deepshelf",
    create: false,
    json: false,
    targets: [
      { shelf: 1, slot: 0, volume: "disk", sizeBytes: 64 * 2 ** 30 },
      { shelf: 1, slot: 1, volume: "disk", snapshot: "monday" },
    ],
  });
  const replaced = serveOptions({ interface: ["lo"], json: true }, file);
  assert.deepEqual(replaced.interfaces, ["lo"]);
  assert.equal(replaced.json, true);
});

Deno.test("serveOptions() reads the options of a target from a file, too", () => {
  const text = `
interfaces = ["eth1"]
[[target]]
address = "1.0"
path = "/srv/a,b.img"
ro = true
allow = ["00:11:22:33:44:AA", "00:11:22:33:44:bb"]
buffers = 32
sectors = 8
serial = "X1"
config = "a,b"
[[target]]
address = "1.1"
memory = "1MiB"
`;
  const options = serveOptions({}, { path: "deepshelf.toml", text });
  assert.equal(options.store, "memory:", "no target needs a store");
  assert.deepEqual(options.targets, [
    {
      shelf: 1,
      slot: 0,
      path: "/srv/a,b.img",
      readOnly: true,
      allow: ["00:11:22:33:44:aa", "00:11:22:33:44:bb"],
      bufferCount: 32,
      sectorCountMax: 8,
      serial: "X1",
      configString: "a,b",
    },
    { shelf: 1, slot: 1, memory: true, sizeBytes: 2 ** 20 },
  ]);
  for (
    const [from, to, hint] of [
      ['memory = "1MiB"', 'memory = "1MiB"\nroot = "a"', /one of "volume"/],
      ['memory = "1MiB"', 'memory = "1MiB"\nbufers = 3', /did you mean "buff/],
      ['memory = "1MiB"', 'memory = "1MiB"\nsnapshot = "a"', /"volume"/],
      ["buffers = 32", "buffers = 3.5", /2 to 65535/],
      ["ro = true", 'ro = "maybe"', /true or false/],
    ] as const
  ) {
    assert.throws(
      () =>
        serveOptions({}, {
          path: "deepshelf.toml",
          text: text.replace(from, to),
        }),
      (error) => error instanceof UsageError && hint.test(error.message),
      to,
    );
  }
});

Deno.test("serveOptions() refuses a file with unknown keys or wrong types", () => {
  for (
    const [text, hint] of [
      [CONFIG.replace("interfaces", "interface"), /did you mean "interfaces"/],
      [CONFIG.replace("snapshot", "snapsot"), /did you mean "snapshot"/],
      [CONFIG.replace('"64GiB"', "64"), /must be a string/],
      [CONFIG.replace('address = "1.1"', ""), /needs "address"/],
      ["store = ", /Cannot read the configuration/],
      [`${CONFIG}size = "1GiB"\n`, /only a volume's head/],
    ] as const
  ) {
    assert.throws(
      () => serveOptions({}, { path: "deepshelf.toml", text }),
      (error) => error instanceof UsageError && hint.test(error.message),
      text,
    );
  }
});
