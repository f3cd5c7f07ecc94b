/**
 * The command line: words to a command. The one file that knows how arguments
 * are parsed.
 *
 * @module
 */

import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import type { ServeFlags } from "./serve_options.ts";
import { nearestWord, UsageError } from "./usage_error.ts";

/** What was asked for. */
export type Command =
  | { readonly verb: "help"; readonly text: string }
  | { readonly verb: "version" }
  | {
    readonly verb: "serve";
    readonly flags: ServeFlags;
    readonly config?: string;
  }
  | { readonly verb: "start"; readonly interface: string }
  | {
    readonly verb: "snapshot create";
    readonly store: string;
    readonly state?: string;
    readonly json: boolean;
    readonly volume: string;
    readonly name: string;
  }
  | {
    readonly verb: "snapshot list";
    readonly store: string;
    readonly state?: string;
    readonly json: boolean;
    readonly volume?: string;
  };

const HELP =
  `Deepshelf serves disks over ATA over Ethernet and keeps every past state.

Usage:
  main.ts serve --interface IF [--interface IF ...] --store URL [--state DIR]
                [--create] [--json] --target SHELF.SLOT=DISK [--target ...]
  main.ts serve --config FILE.toml
  main.ts snapshot create VOLUME NAME --store URL [--state DIR] [--json]
  main.ts snapshot list [VOLUME] --store URL [--state DIR] [--json]
  main.ts start [IF]
  main.ts help | version

DISK is one of
  VOLUME            the head of a volume
  VOLUME:SIZE       the same; made with this size if missing and --create is given
  VOLUME@SNAPSHOT   a snapshot, read-only
  root:HASH         the state with this root hash, read-only

Options:
  --interface IF    network interface to serve on; repeat it for several
  --store URL       where the archive lives: file:PATH or memory:
  --state DIR       folder of the journal, the index and caches
                    (for a file: store the default is local/ inside it)
  --create          make the archive, and volumes with a SIZE, if missing
  --config FILE     read the same from a TOML file; flags replace what it says
  --json            print one JSON object a line on stdout

SIZE is a multiple of 4096 bytes such as 512MiB, 64GiB, 2TiB.
Exit status: 0 done, 1 failed, 2 wrong usage, 10 no such archive, volume or
snapshot, 11 the archive is held by another server, 13 the interface, the
library or the permission to use it is missing, 20 damage found.
`;

const STORE_FLAGS = {
  store: { type: "string" },
  state: { type: "string" },
  json: { type: "boolean" },
} as const satisfies ParseArgsOptionsConfig;

const SERVE_FLAGS = {
  ...STORE_FLAGS,
  interface: { type: "string", multiple: true },
  target: { type: "string", multiple: true },
  create: { type: "boolean" },
  config: { type: "string" },
} as const satisfies ParseArgsOptionsConfig;

const VERBS = ["serve", "snapshot", "start", "help", "version"];

/** Reads the arguments. Throws a `UsageError`. */
export function parseCommandLine(args: readonly string[]): Command {
  const [verb, ...rest] = args;
  // A task runner passes the "--" that separates its own words from ours.
  const words = rest[0] === "--" ? rest.slice(1) : rest;
  if (verb === undefined || words.includes("--help") || words.includes("-h")) {
    return { verb: "help", text: HELP };
  }
  switch (verb) {
    case "help":
    case "--help":
    case "-h":
      return { verb: "help", text: HELP };
    case "version":
    case "--version":
      return { verb: "version" };
    case "serve":
      return parseServe(words);
    case "start":
      return parseStart(words);
    case "snapshot":
      return parseSnapshot(words);
    default:
      throw unknownWord("command", verb, VERBS);
  }
}

function parseServe(words: readonly string[]): Command {
  const { values, positionals } = parse(words, SERVE_FLAGS);
  refuseExtra(positionals, 0);
  const { config, ...flags } = values;
  return { verb: "serve", flags, ...(config === undefined ? {} : { config }) };
}

function parseStart(words: readonly string[]): Command {
  const { positionals } = parse(words, {});
  refuseExtra(positionals, 1);
  return { verb: "start", interface: positionals[0] ?? "lo" };
}

function parseSnapshot(words: readonly string[]): Command {
  const [action, ...rest] = words;
  if (action !== "create" && action !== "list") {
    throw unknownWord("snapshot command", action ?? "", ["create", "list"]);
  }
  const { values, positionals } = parse(rest, STORE_FLAGS);
  const { store, state, json } = values;
  if (store === undefined) {
    throw new UsageError(
      "No store: add --store URL, such as --store file:./archive",
    );
  }
  const common = {
    store,
    ...(state === undefined ? {} : { state }),
    json: json ?? false,
  };
  const [volume, name] = positionals;
  if (action === "list") {
    refuseExtra(positionals, 1);
    return {
      verb: "snapshot list",
      ...common,
      ...(volume === undefined ? {} : { volume }),
    };
  }
  refuseExtra(positionals, 2);
  if (volume === undefined || name === undefined) {
    throw new UsageError(
      "Name the volume and the snapshot: snapshot create VOLUME NAME --store URL",
    );
  }
  return { verb: "snapshot create", ...common, volume, name };
}

type Parsed<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: Options; allowPositionals: true }>
>;

function parse<Options extends ParseArgsOptionsConfig>(
  words: readonly string[],
  options: Options,
): Parsed<Options> {
  for (const word of words) {
    const flag = /^--([^=]+)/.exec(word)?.[1];
    if (flag !== undefined && !(flag in options)) {
      throw unknownWord("option", flag, Object.keys(options), "--");
    }
  }
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`${(error as Error).message} (see: main.ts help)`);
  }
}

function unknownWord(
  what: string,
  word: string,
  known: readonly string[],
  prefix = "",
): UsageError {
  const nearest = nearestWord(word, known);
  const hint = nearest === undefined
    ? `known are ${known.map((name) => prefix + name).join(", ")}`
    : `did you mean ${prefix}${nearest}?`;
  return new UsageError(`Unknown ${what} "${prefix}${word}": ${hint}`);
}

function refuseExtra(positionals: readonly string[], countMax: number): void {
  const extra = positionals[countMax];
  if (extra !== undefined) {
    throw new UsageError(`Unexpected word "${extra}" (see: main.ts help)`);
  }
}
