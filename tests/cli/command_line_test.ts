import assert from "node:assert/strict";
import { parseCommandLine } from "../../cli/command_line.ts";
import { COMMANDS } from "../../cli/commands.ts";
import {
  EXIT_STATUS_HELP,
  ExitStatus,
  isOperatorError,
} from "../../cli/exit_status.ts";
import { counted } from "../../blobstores/counted.ts";
import {
  type ServeFlags,
  serveOptions,
} from "../../cli/options/serve_options.ts";
import { UsageError } from "../../cli/usage_error.ts";
import { nearestWord } from "../../plugins/nearest.ts";

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
