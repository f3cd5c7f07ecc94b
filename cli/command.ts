/**
 * What a command of the command line is: its words, its options, and what it
 * does. Each stands in a file of its own in `cli/commands/`; `cli/commands.ts`
 * lists them all.
 *
 * @module
 */

import type { parseArgs, ParseArgsOptionsConfig } from "node:util";
import type { Output } from "./output/output.ts";
import { joinPlugins } from "./plugins/plugin_config.ts";
import { readConfigFile } from "./options/serve_options.ts";
import type { StoreChoice } from "./archive/store_opening.ts";
import { parseStoreOptions } from "./options/store_settings.ts";
import { UsageError } from "./usage_error.ts";

/** The values of options, by name; undefined where not given. */
export type OptionValues<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: Options; allowPositionals: true }>
>["values"];

/** What a command is run with. */
export interface CommandInput<Options extends ParseArgsOptionsConfig> {
  /** The options that were given. */
  readonly values: OptionValues<Options>;
  /** The words that are no options. */
  readonly positionals: readonly string[];
  /** Where results and events go. */
  readonly output: Output;
}

/** A command. */
export interface Command<
  Options extends ParseArgsOptionsConfig = ParseArgsOptionsConfig,
> {
  /** The words it is called by, such as `snapshot create`. */
  readonly words: readonly [string, ...string[]];
  /** What follows them, as help shows it. */
  readonly usage: string;
  /** One line: what it does. */
  readonly summary: string;
  /** More for `help WORDS`; empty where the summary says all. */
  readonly details?: string;
  /** Its options, for `node:util`. */
  readonly options: Options;
  /** How many words that are no options it takes at most. */
  readonly positionalCountMax: number;
  /** Runs it; the exit status. */
  run(input: CommandInput<Options>): Promise<number>;
}

/** Types a command by its own options, and forgets them: a list holds many. */
export function defineCommand<const Options extends ParseArgsOptionsConfig>(
  command: Command<Options>,
): Command {
  return command as unknown as Command;
}

/** Options of every command that works on an archive. */
export const ARCHIVE_OPTIONS: {
  readonly store: { readonly type: "string" };
  readonly state: { readonly type: "string" };
  readonly json: { readonly type: "boolean" };
  readonly config: { readonly type: "string" };
  readonly plugin: { readonly type: "string"; readonly multiple: true };
  readonly "store-option": {
    readonly type: "string";
    readonly multiple: true;
  };
} = {
  store: { type: "string" },
  state: { type: "string" },
  json: { type: "boolean" },
  config: { type: "string" },
  plugin: { type: "string", multiple: true },
  "store-option": { type: "string", multiple: true },
};

/** Which archive a command works on. */
export interface ArchiveChoice extends StoreChoice {
  /** Folder of journal, index and caches, where not the default. */
  readonly state?: string;
}

/**
 * The archive that `--store`, `--state` and `--plugin` name, or the file of
 * `--config`. Throws a `UsageError`.
 */
export function archiveChoice(
  values: OptionValues<typeof ARCHIVE_OPTIONS>,
): ArchiveChoice {
  const { store, ...rest } = serverChoice(values);
  if (store === undefined) {
    throw new UsageError(
      "No store: add --store URL, such as --store file:./archive",
    );
  }
  return { store, ...rest };
}

/**
 * The running server that `--store` or `--state` name, or the file of
 * `--config`.
 */
export function serverChoice(
  values: OptionValues<typeof ARCHIVE_OPTIONS>,
): Partial<ArchiveChoice> {
  const file = values.config === undefined ? {} : readConfigFile(values.config);
  const { store = file.store, state = file.state } = values;
  const plugins = joinPlugins(values.plugin, file.plugins);
  const storeSettings = {
    ...file.storeSettings,
    ...parseStoreOptions(values["store-option"] ?? []),
  };
  return {
    ...(store === undefined ? {} : { store }),
    ...(state === undefined ? {} : { state }),
    ...(plugins.length === 0 ? {} : { plugins }),
    ...(Object.keys(storeSettings).length === 0 ? {} : { storeSettings }),
  };
}
