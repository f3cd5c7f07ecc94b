/**
 * The command line: words to a command and its input. The one file that knows
 * how arguments are parsed.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { Command, CommandInput } from "./command.ts";
import { nearestWord } from "../plugins/nearest.ts";
import { UsageError } from "./usage_error.ts";

/** What was asked for. */
export type Invocation =
  | { readonly help: string }
  | ({ readonly command: Command } & ParsedWords);

type ParsedWords = Pick<
  CommandInput<Command["options"]>,
  "values" | "positionals"
>;

/** Reads the arguments. Throws a `UsageError`. */
export function parseCommandLine(
  args: readonly string[],
  commands: readonly Command[],
): Invocation {
  const [first] = args;
  if (first === undefined || first === "--help" || first === "-h") {
    return { help: generalHelp(commands) };
  }
  if (first === "help") return { help: helpFor(args.slice(1), commands) };
  const command = findCommand(args, commands);
  const rest = args.slice(command.words.length);
  // A task runner passes the "--" that separates its own words from ours.
  const words = rest[0] === "--" ? rest.slice(1) : rest;
  if (words.includes("--help") || words.includes("-h")) {
    return { help: commandHelp(command) };
  }
  return { command, ...parseWords(command, words) };
}

/** The command whose words the arguments begin with. */
function findCommand(
  args: readonly string[],
  commands: readonly Command[],
): Command {
  const found = commands.find(({ words }) =>
    words.every((word, index) => args[index] === word)
  );
  if (found !== undefined) return found;
  const [first = "", second = ""] = args;
  const group = commands.filter(({ words }) => words[0] === first);
  if (group.length > 0) {
    const seconds = group.map(({ words }) => words[1] ?? "");
    if (second === "") {
      throw new UsageError(
        `Say what to do: ${first} ${seconds.join(", ")} (see: main.ts help)`,
      );
    }
    throw unknownWord(`${first} command`, second, seconds);
  }
  const firsts = new Set(commands.map(({ words }) => words[0]));
  throw unknownWord("command", first, [...firsts, "help"]);
}

function parseWords(
  command: Command,
  words: readonly string[],
): ParsedWords {
  for (const word of words) {
    const option = /^--([^=]+)/.exec(word)?.[1];
    if (option !== undefined && !Object.hasOwn(command.options, option)) {
      throw unknownWord("option", option, Object.keys(command.options), "--");
    }
  }
  const hint = `(see: main.ts help ${command.words.join(" ")})`;
  let parsed: ParsedWords;
  try {
    parsed = parseArgs({
      args: [...words],
      options: command.options,
      allowPositionals: true,
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message} ${hint}`);
  }
  const extra = parsed.positionals[command.positionalCountMax];
  if (extra !== undefined) {
    throw new UsageError(`Unexpected word "${extra}" ${hint}`);
  }
  return parsed;
}

function unknownWord(
  what: string,
  word: string,
  known: readonly string[],
  prefix = "",
): UsageError {
  const nearest = nearestWord(word, known);
  const hint = nearest === null
    ? `known are ${known.map((name) => prefix + name).join(", ")}`
    : `did you mean ${prefix}${nearest}?`;
  return new UsageError(`Unknown ${what} "${prefix}${word}": ${hint}`);
}

function helpFor(
  words: readonly string[],
  commands: readonly Command[],
): string {
  return words.length === 0
    ? generalHelp(commands)
    : commandHelp(findCommand(words, commands));
}

function commandHelp({ words, usage, summary, details }: Command): string {
  const lines = [`main.ts ${words.join(" ")} ${usage}`.trimEnd(), "", summary];
  if (details !== undefined) lines.push("", details);
  return lines.join("\n");
}

function generalHelp(commands: readonly Command[]): string {
  const names = commands.map(({ words }) => words.join(" "));
  const width = Math.max(...names.map((name) => name.length));
  const lines = commands.map(({ summary }, index) =>
    `  ${names[index]!.padEnd(width)}  ${summary}`
  );
  return `Deepshelf serves disks over ATA over Ethernet and keeps every past state.

Commands:
${lines.join("\n")}

main.ts help COMMAND says more. In a first minute:
  main.ts serve --interface eth1 --store file:/srv/archive --create --target 1.0=disk:64GiB

Every command on an archive takes --store and --state from a file with --config
FILE, and plugins for stores elsewhere from it or by --plugin (help plugin add).

Exit status: 0 done, 1 failed, 2 wrong usage, 10 no such archive, volume or
snapshot, 11 the archive is held by another server, 13 the interface, the
library or the permission to use it is missing, 20 damage found.`;
}
