/**
 * The command line: words to a command and its input. The one file that knows
 * how arguments are parsed.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { Command, CommandInput } from "./command.ts";
import { EXIT_STATUS_HELP } from "./exit_status.ts";
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
  if (first === undefined || isHelp(first)) {
    return { help: generalHelp(commands) };
  }
  if (first === "help") return { help: helpFor(args.slice(1), commands) };
  if (first === "--version" || first === "-V") {
    return parseCommandLine(["version", ...args.slice(1)], commands);
  }
  const group = groupOf(first, commands);
  if (group !== undefined && isHelp(args[1] ?? "")) {
    return { help: groupHelp(first, group) };
  }
  const command = findCommand(args, commands);
  const rest = args.slice(command.words.length);
  // A task runner passes the "--" that separates its own words from ours.
  const words = rest[0] === "--" ? rest.slice(1) : rest;
  if (optionsOf(words).some(isHelp)) return { help: commandHelp(command) };
  return { command, ...parseWords(command, words) };
}

function isHelp(word: string): boolean {
  return word === "--help" || word === "-h";
}

/** What may be options: all before a "--". */
function optionsOf(words: readonly string[]): readonly string[] {
  const end = words.indexOf("--");
  return end < 0 ? words : words.slice(0, end);
}

/** The commands that begin with a word and have a second one; undefined where there are none. */
function groupOf(
  first: string,
  commands: readonly Command[],
): readonly Command[] | undefined {
  const group = commands.filter(({ words }) =>
    words[0] === first && words.length > 1
  );
  return group.length === 0 ? undefined : group;
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
  const group = groupOf(first, commands);
  if (group !== undefined) {
    const seconds = group.map(({ words }) => words[1] ?? "");
    if (second === "" || second.startsWith("-")) {
      throw new UsageError(
        `Say what to do: ${first} ${
          seconds.join(", ")
        } (see: main.ts help ${first})`,
      );
    }
    throw unknownWord(`${first} command`, second, seconds);
  }
  if (first.startsWith("-")) {
    throw new UsageError(
      `Unknown option "${first}": the command comes first, then its options (see: main.ts help)`,
    );
  }
  const firsts = new Set(commands.map(({ words }) => words[0]));
  throw unknownWord("command", first, [...firsts, "help"]);
}

function parseWords(
  command: Command,
  words: readonly string[],
): ParsedWords {
  const hint = `(see: main.ts help ${command.words.join(" ")})`;
  const known = [...Object.keys(command.options), "help"];
  for (const word of optionsOf(words)) {
    const option = /^--([^=]+)/.exec(word)?.[1];
    if (option !== undefined && !known.includes(option)) {
      throw unknownWord("option", option, known, "--");
    }
    if (/^-[A-Za-z]/.test(word)) {
      throw new UsageError(
        `Unknown option "${word}": options begin with two dashes ${hint}`,
      );
    }
  }
  let parsed: ParsedWords;
  try {
    parsed = parseArgs({
      args: [...words],
      options: command.options,
      allowPositionals: true,
    });
  } catch (error) {
    throw new UsageError(`${wordsOf(error as Error)} ${hint}`);
  }
  const extra = parsed.positionals[command.positionalCountMax];
  if (extra !== undefined) {
    throw new UsageError(`Unexpected word "${extra}" ${hint}`);
  }
  return parsed;
}

/** What `node:util` found, in words of ours where they are clearer. */
function wordsOf({ message }: Error): string {
  const [, name] = /^Option '(--[^ ]+) <value>' argument missing/
    .exec(message) ?? [];
  return name === undefined ? message : `Option "${name}" needs a value`;
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
  const [first, ...rest] = words;
  if (first === undefined) return generalHelp(commands);
  const group = rest.length === 0 ? groupOf(first, commands) : undefined;
  return group === undefined
    ? commandHelp(findCommand(words, commands))
    : groupHelp(first, group);
}

function commandHelp({ words, usage, summary, details }: Command): string {
  const lines = [`main.ts ${words.join(" ")} ${usage}`.trimEnd(), "", summary];
  if (details !== undefined) lines.push("", details);
  return lines.join("\n");
}

function groupHelp(first: string, commands: readonly Command[]): string {
  return `Commands:
${listOf(commands)}

main.ts help ${first} COMMAND says more.`;
}

function generalHelp(commands: readonly Command[]): string {
  return `Deepshelf serves disks over ATA over Ethernet and keeps every past state.

Commands:
${listOf(commands)}

main.ts help COMMAND says more. In a first minute:
  main.ts serve --interface eth1 --store file:/srv/archive --create --target 1.0=disk:64GiB

Every command on an archive takes --store and --state from a file with --config
FILE, and plugins for stores elsewhere from it or by --plugin (help plugin add).

${EXIT_STATUS_HELP}`;
}

function listOf(commands: readonly Command[]): string {
  const names = commands.map(({ words }) => words.join(" "));
  const width = Math.max(...names.map((name) => name.length));
  return commands.map(({ summary }, index) =>
    `  ${names[index]!.padEnd(width)}  ${summary}`
  ).join("\n");
}
