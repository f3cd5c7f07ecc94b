import assert from "node:assert/strict";
import { parseCommandLine } from "../../cli/command_line.ts";
import { COMMANDS } from "../../cli/commands.ts";
import {
  EXIT_STATUS_HELP,
  ExitStatus,
  isOperatorError,
} from "../../cli/exit_status.ts";
import { counted } from "../../cli/output/counted.ts";
import { formatSize, parseVolumeSize } from "../../cli/output/size.ts";
import {
  type ServeFlags,
  serveOptions,
} from "../../cli/options/serve_options.ts";
import {
  addressWarnings,
  parseTargetOption,
} from "../../cli/options/target_option.ts";
import { UsageError } from "../../cli/usage_error.ts";
import { nearestWord } from "../../plugins/nearest.ts";

const HASH = "0123456789abcdef".repeat(4);

Deno.test("parseVolumeSize() reads binary units and plain bytes", () => {
  for (
    const [text, bytes] of [
      ["4096", 4096],
      ["4KiB", 4096],
      ["1.5GiB", 1610612736],
      ["64GiB", 64 * 2 ** 30],
      ["2tib", 2 ** 41],
      ["64PiB", 2 ** 56],
    ] as const
  ) assert.equal(parseVolumeSize(text), bytes, text);
});

Deno.test("parseVolumeSize() refuses what is no size of a volume", () => {
  for (
    const text of [
      "",
      "GiB",
      "1000",
      "0",
      "4608",
      "64GB",
      "-1GiB",
      "1e9",
      "256PiB",
    ]
  ) assert.throws(() => parseVolumeSize(text), UsageError, text);
});

Deno.test("formatSize() keeps sizes readable", () => {
  assert.equal(formatSize(512), "512B");
  assert.equal(formatSize(64 * 2 ** 30), "64GiB");
  assert.equal(formatSize(1610612736), "1.5GiB");
});

Deno.test("parseTargetOption() reads every form of a target", () => {
  assert.deepEqual(parseTargetOption("1.0=disk"), {
    shelf: 1,
    slot: 0,
    volume: "disk",
  });
  assert.deepEqual(parseTargetOption("65534.254=disk:1GiB"), {
    shelf: 65534,
    slot: 254,
    volume: "disk",
    sizeBytes: 2 ** 30,
  });
  assert.deepEqual(parseTargetOption("1.1=disk@monday"), {
    shelf: 1,
    slot: 1,
    volume: "disk",
    snapshot: "monday",
  });
  assert.deepEqual(parseTargetOption(`1.2=root:${HASH.toUpperCase()}`), {
    shelf: 1,
    slot: 2,
    root: HASH,
  });
});

Deno.test("parseTargetOption() refuses broken targets and reserved addresses", () => {
  for (
    const text of [
      "disk",
      "1=disk",
      "1.0=",
      "65535.0=disk",
      "1.255=disk",
      "1.0=disk@a:1GiB",
      "1.0=disk:1GiB@a",
      "1.0=disk:",
      "a.b=disk",
      "1.0=path:",
      "1.0=memory:",
      "1.0=disk@monday,size=1GiB",
      "1.0=disk,clone",
      "1.0=disk,clone=mine",
      "1.0=disk@monday,clone=a@b",
      "1.0=disk@monday,clone,ro",
    ]
  ) assert.throws(() => parseTargetOption(text), UsageError, text);
});

Deno.test("parseTargetOption() reads disks that are no volumes, and options", () => {
  assert.deepEqual(parseTargetOption("1.0=path:/srv/a:b@c=d.img,size=1MiB"), {
    shelf: 1,
    slot: 0,
    path: "/srv/a:b@c=d.img",
    sizeBytes: 2 ** 20,
  });
  assert.deepEqual(parseTargetOption("1.0=memory:1MiB"), {
    shelf: 1,
    slot: 0,
    memory: true,
    sizeBytes: 2 ** 20,
  });
  assert.deepEqual(
    parseTargetOption(
      "1.0=disk,ro,allow=00:11:22:33:44:AA,buffers=32,sectors=8,serial=X1," +
        "allow=00:11:22:33:44:bb,config=a=b c",
    ),
    {
      shelf: 1,
      slot: 0,
      volume: "disk",
      readOnly: true,
      allow: ["00:11:22:33:44:aa", "00:11:22:33:44:bb"],
      bufferCount: 32,
      sectorCountMax: 8,
      serial: "X1",
      configString: "a=b c",
    },
  );
  assert.equal(parseTargetOption("1.0=disk@monday,clone").clone, true);
  assert.equal(parseTargetOption("1.0=disk@monday,clone=mine").clone, "mine");
  assert.equal(parseTargetOption("1.0=disk@monday,clone=false").clone, false);
  assert.equal(parseTargetOption("1.0=disk,ro=false").readOnly, false);
});

Deno.test("parseTargetOption() says what is wrong with an option", () => {
  for (
    const [options, message] of [
      ["bufers=3", /did you mean "buffers"/],
      ["buffers=1", /2 to 65535/],
      ["buffers=", /2 to 65535/],
      ["sectors=129", /2 to 128/],
      ["allow=1.2.3.4", /00:11:22:33:44:55/],
      ["allow", /must be a string/],
      ["serial=", /1 to 20/],
      ["serial=123456789012345678901", /1 to 20/],
      [`config=${"x".repeat(1025)}`, /1025 bytes/],
      ["ro=yes", /true or false/],
      ["ro,ro", /"ro" twice/],
      ["", /Unknown option ""/],
    ] as const
  ) {
    assert.throws(
      () => parseTargetOption(`1.0=disk,${options}`),
      (error) => error instanceof UsageError && message.test(error.message),
      options,
    );
  }
});

Deno.test("addressWarnings() names addresses that initiators ignore or mistake", () => {
  assert.deepEqual(addressWarnings(1, 9), []);
  const warning = (shelf: number, slot: number): string => {
    const [text, ...more] = addressWarnings(shelf, slot);
    assert.deepEqual(more, []);
    return text!;
  };
  assert.match(warning(0xfff, 0), /Linux ignores shelf 4095/);
  assert.match(warning(1, 10), /illumos/);
  assert.match(warning(1, 15), /illumos/);
  assert.match(warning(1, 16), /Linux.*slots of 16/);
});

/** The words, values and positionals that arguments come to. */
function parse(
  ...args: string[]
): { words: string; values: unknown; positionals: readonly string[] } {
  const invocation = parseCommandLine(args, COMMANDS);
  assert.ok(!("help" in invocation));
  const { command, values, positionals } = invocation;
  return { words: command.words.join(" "), values: { ...values }, positionals };
}

Deno.test("parseCommandLine() reads serve with repeated options", () => {
  const { words, values } = parse(
    ...["serve", "--interface", "eth0", "--interface=eth1"],
    ...["--store", "file:./a", "--target", "1.0=disk:1GiB"],
    ...["--create", "--json"],
  );
  assert.equal(words, "serve");
  assert.deepEqual(serveOptions(values as ServeFlags), {
    interfaces: ["eth0", "eth1"],
    store: "file:./a",
    create: true,
    json: true,
    targets: [{ shelf: 1, slot: 0, volume: "disk", sizeBytes: 2 ** 30 }],
  });
});

Deno.test("parseCommandLine() reads commands of two words, and start", () => {
  assert.deepEqual(
    parse("snapshot", "create", "disk", "monday", "--store", "file:a"),
    {
      words: "snapshot create",
      values: { store: "file:a" },
      positionals: ["disk", "monday"],
    },
  );
  assert.equal(parse("snapshot", "list", "--json").words, "snapshot list");
  assert.deepEqual(parse("start").positionals, []);
  // As a task runner passes it.
  assert.deepEqual(parse("start", "--", "eth1").positionals, ["eth1"]);
});

Deno.test("parseCommandLine() helps with everything, and with one command", () => {
  for (const args of [[], ["help"], ["--help"], ["-h"]]) {
    const invocation = parseCommandLine(args, COMMANDS);
    assert.ok("help" in invocation);
    for (const { words } of COMMANDS) {
      assert.ok(invocation.help.includes(words.join(" ")));
    }
  }
  for (const args of [["help", "serve"], ["serve", "--help"]]) {
    const invocation = parseCommandLine(args, COMMANDS);
    assert.ok("help" in invocation && /--interface/.test(invocation.help));
  }
});

Deno.test("parseCommandLine() lists the commands of a group", () => {
  for (
    const args of [
      ["help", "snapshot"],
      ["snapshot", "--help"],
      ["snapshot", "-h"],
    ]
  ) {
    const invocation = parseCommandLine(args, COMMANDS);
    assert.ok("help" in invocation);
    assert.match(invocation.help, /snapshot retire {2}Take/);
    assert.doesNotMatch(invocation.help, /volume list/);
  }
});

Deno.test("parseCommandLine() knows what every program is asked for", () => {
  for (const args of [["--version"], ["-V"], ["-V", "--json"]]) {
    assert.equal(parse(...args).words, "version");
  }
});

Deno.test("what stands behind a -- is no option", () => {
  const { positionals } = parse("volume", "rename", "a", "--", "--help");
  assert.deepEqual(positionals, ["a", "--help"]);
});

Deno.test("parseCommandLine() says what was probably meant", () => {
  for (
    const [args, hint] of [
      [["serv"], /did you mean serve/],
      [["serve", "--targt", "1.0=a"], /did you mean --target/],
      [["snapshot", "lst", "--store", "a"], /did you mean list/],
      [["help", "serv"], /did you mean serve/],
      [["snapshot"], /Say what to do: snapshot create, list, retire/],
      [["start", "eth0", "eth1"], /eth1/],
      [["serve", "--store"], /"--store" needs a value .*help serve/],
      [["serve", "--hlep"], /did you mean --help/],
      [["start", "--jsn"], /known are --help$/],
      [["volume", "list", "-s"], /"-s": options begin with two dashes/],
      [["--store", "a"], /"--store": the command comes first/],
      [["snapshot", "--store", "a"], /Say what to do: snapshot create/],
    ] as const
  ) {
    assert.throws(
      () => parseCommandLine(args, COMMANDS),
      (error) => error instanceof UsageError && hint.test(error.message),
      args.join(" "),
    );
  }
});

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

Deno.test("help and the page on running tell every exit status", async () => {
  const page = await Deno.readTextFile(
    new URL("../../docs/running.md", import.meta.url),
  );
  for (const [name, status] of Object.entries(ExitStatus)) {
    assert.match(EXIT_STATUS_HELP, new RegExp(`\\b${status} [a-z]`), name);
    assert.match(page, new RegExp(`^\\| ${status} +\\|`, "m"), name);
  }
});

Deno.test("the help of a command tells all of its options", () => {
  // These are told of once, in the general help.
  const told = new Set(["config", "plugin", "store-option"]);
  for (const command of COMMANDS) {
    const name = command.words.join(" ");
    const invocation = parseCommandLine(["help", ...command.words], COMMANDS);
    assert.ok("help" in invocation);
    for (const option of Object.keys(command.options)) {
      // What is looked at there is a store, which has no state.
      const isMeaningless = name === "store validate" && option === "state";
      if (told.has(option) || isMeaningless) continue;
      assert.ok(invocation.help.includes(`--${option}`), `${name}: ${option}`);
    }
  }
});

Deno.test("one thing is not many", () => {
  assert.equal(counted(0, "pack"), "0 packs");
  assert.equal(counted(1, "pack"), "1 pack");
  assert.equal(counted(2, "batch", "batches"), "2 batches");
});

Deno.test("nearestWord() gives up on words that resemble nothing", () => {
  assert.equal(nearestWord("sotre", ["store", "state"]), "store");
  assert.equal(nearestWord("xyzzy", ["store", "state"]), null);
});

Deno.test("what Deno or the system does not permit is told without a stack trace", () => {
  const { NotCapable, PermissionDenied } = Deno.errors;
  for (const Refusal of [NotCapable, PermissionDenied]) {
    assert.ok(isOperatorError(new Refusal('Requires access to "/srv"')));
  }
  assert.equal(isOperatorError(new TypeError("a fault of ours")), false);
});
