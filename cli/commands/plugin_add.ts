/**
 * `plugin add`.
 *
 * @module
 */

import { lastingModule } from "../../plugins/module_bytes.ts";
import { pinFlag, pinLine, type PluginReference } from "../../plugins/pin.ts";
import { type Command, defineCommand } from "../command.ts";
import { ExitStatus } from "../exit_status.ts";
import type { Output } from "../output/output.ts";
import {
  lookAtPlugin,
  optionLines,
  type PluginLook,
} from "../plugins/plugin_look.ts";
import { writePins } from "../plugins/plugin_write.ts";
import { UsageError } from "../usage_error.ts";

/** Shows a plugin and the lines that allow it. */
export const pluginAddCommand: Command = defineCommand({
  words: ["plugin", "add"],
  usage: "MODULE [--scheme SCHEME] [--config FILE --write] [--json]",
  summary: "Show a plugin, and the lines that allow its present bytes.",
  details:
    `MODULE            a path, a file:, https: or http: URL, or npm:NAME@VERSION
--scheme SCHEME   only for URLs of this scheme; repeat it for several
--config FILE     the configuration file to change, with --write
--write           add the lines to that file, instead of only printing them
--json            print one JSON object on stdout

The module is fetched and hashed; a package of npm is compared with the lock file
that pins it, or the command is printed that pins it. What it says of itself is found out in a
process that may do nothing; nothing of it runs in this one. A plugin that is
allowed runs with all of the server's rights: read it first.`,
  options: {
    scheme: { type: "string", multiple: true },
    config: { type: "string" },
    write: { type: "boolean" },
    json: { type: "boolean" },
  },
  positionalCountMax: 1,
  async run({ values, positionals, output }): Promise<number> {
    const [typed] = positionals;
    const { config, write = false } = values;
    if (typed === undefined) {
      throw new UsageError("Name the module: plugin add MODULE");
    }
    if (write !== (config !== undefined)) {
      throw new UsageError("--write and --config FILE belong together");
    }
    const module = lastingModule(typed);
    const look = await lookAtPlugin(module);
    if ("fault" in look.described) throw new UsageError(look.described.fault);
    const references = schemesFor(look, values.scheme).map((scheme) => ({
      scheme,
      module,
      ...(look.sha256 === undefined ? {} : { sha256: look.sha256 }),
    }));
    if (config !== undefined) writePins(config, references);
    show(look, references, { output, written: config });
    return ExitStatus.Done;
  },
});

/** The schemes to allow it for: those asked for, or all that it declares. */
function schemesFor(
  { module, described }: PluginLook,
  asked: readonly string[] | undefined,
): readonly string[] {
  if (!("description" in described)) {
    if (asked !== undefined) return asked;
    const reason = "unknown" in described ? described.unknown : "it is faulty";
    throw new UsageError(
      `Cannot tell which URL schemes ${module} serves: ${reason}. Add --scheme SCHEME, as its documentation says`,
    );
  }
  const { schemes } = described.description;
  const strange = asked?.find((scheme) => !schemes.includes(scheme));
  if (strange !== undefined) {
    throw new UsageError(
      `${module} does not serve ${strange}: URLs, but ${schemes.join(", ")}`,
    );
  }
  return asked ?? schemes;
}

function show(
  look: PluginLook,
  references: readonly PluginReference[],
  { output, written }: {
    readonly output: Output;
    readonly written: string | undefined;
  },
): void {
  const { described, ...found } = look;
  const { module, redirectedTo, sizeBytes, sha256 } = found;
  const options = "description" in described
    ? described.description.options ?? []
    : undefined;
  const schemes = references.map(({ scheme }) => scheme);
  const flags = references.map(pinFlag);
  output.line(`Plugin   ${module}`);
  if (redirectedTo !== undefined) {
    output.line(`         redirected to ${redirectedTo}`);
  }
  if (sha256 === undefined) {
    output.line(`Pinned   ${found.integrity}`);
    output.line(`Packages ${found.packageCount}, with those it depends on`);
  } else {
    output.line(`Size     ${sizeBytes} bytes`);
    output.line(`SHA-256  ${sha256}`);
  }
  output.line(`Schemes  ${schemes.map((scheme) => `${scheme}:`).join(", ")}`);
  const lines = options === undefined
    ? ["not known here"]
    : options.length === 0
    ? ["none"]
    : optionLines(options);
  lines.forEach((line, index) =>
    output.line(`${index === 0 ? "Options" : "       "}  ${line}`)
  );
  output.line("");
  if (written === undefined) {
    output.line("To allow it, write into the configuration");
    output.line(`\n[plugins]\n${references.map(pinLine).join("\n")}\n`);
    output.line(`or add to a command\n\n${flags.join(" \\\n")}`);
  } else output.line(`Added to ${written}`);
  output.result({
    ...found,
    schemes,
    ...(options === undefined ? {} : { options }),
    lines: references.map(pinLine),
    flags,
    ...(written === undefined ? {} : { written }),
  });
}
