/**
 * `plugin verify`.
 *
 * @module
 */

import { blobErrorCode } from "../../blobstores/blob_store.ts";
import { referenceOf } from "../../plugins/configured.ts";
import {
  checkPin,
  type PluginReference,
  refuseHash,
} from "../../plugins/pin.ts";
import { isPackage } from "../../plugins/package_lock.ts";
import { checkSettings } from "../../plugins/settings.ts";
import type { PluginEntry } from "../../plugins/configured.ts";
import { type Command, defineCommand } from "../command.ts";
import { ExitStatus } from "../exit_status.ts";
import { PLUGIN_OPTIONS, pluginChoice } from "../plugins/plugin_choice.ts";
import { lookAtPlugin, optionLines } from "../plugins/plugin_look.ts";
import { UsageError } from "../usage_error.ts";

/** Compares plugins with their pins, at their source. */
export const pluginVerifyCommand: Command = defineCommand({
  words: ["plugin", "verify"],
  usage: "[--config FILE] [--plugin SCHEME=MODULE#sha256=HASH] [--json]",
  summary: "Fetch every allowed plugin again and compare it with its pin.",
  details:
    `Also checks that it serves the scheme and takes the options it is given. A
server runs what is pinned, from its cache, whatever this finds. The exit status
is 1 where something is not as pinned, and 2 where only a pin is missing.`,
  options: PLUGIN_OPTIONS,
  positionalCountMax: 0,
  async run({ values, output }): Promise<number> {
    const references = pluginChoice(values).map(referenceOf)
      .filter((reference) => reference !== undefined);
    if (references.length === 0) {
      throw new UsageError(
        "No plugin to verify: add --config FILE or --plugin SCHEME=MODULE#sha256=HASH",
      );
    }
    let faultCount = 0;
    let unpinnedCount = 0;
    for (const reference of references) {
      const { scheme, module } = reference;
      const { problem, lines = [] } = await verify(reference);
      if (isUnpinned(reference)) unpinnedCount++;
      else if (problem !== undefined) faultCount++;
      output.line(`${scheme}:  ${module}  ${problem ?? "as pinned"}`);
      for (const line of lines) output.line(`  ${line}`);
      output.result({
        scheme,
        module,
        ok: problem === undefined,
        ...(problem === undefined ? {} : { problem }),
      });
    }
    if (faultCount > 0) return ExitStatus.Failed;
    return unpinnedCount > 0 ? ExitStatus.Usage : ExitStatus.Done;
  },
});

/** Nothing to compare it with: the command line or the configuration is wrong. */
function isUnpinned({ module, sha256 }: PluginReference): boolean {
  return sha256 === undefined && !isPackage(module);
}

interface Verdict {
  readonly problem?: string;
  /** The plugin's options, for people. */
  readonly lines?: readonly string[];
}

async function verify(
  reference: PluginReference & PluginEntry,
): Promise<Verdict> {
  try {
    const { module, scheme, settings = {} } = reference;
    if (isPackage(module)) refuseHash(reference);
    const { sha256, described } = await lookAtPlugin(module);
    if (sha256 !== undefined) checkPin(reference, sha256);
    if ("fault" in described) return { problem: described.fault };
    if ("unknown" in described) return {};
    const { schemes, options = [] } = described.description;
    if (!schemes.includes(scheme)) {
      return { problem: `It serves ${schemes.join(", ")}, not ${scheme}` };
    }
    checkSettings(settings, options, module);
    return { lines: optionLines(options) };
  } catch (error) {
    if (blobErrorCode(error) === "Unknown") throw error;
    return { problem: (error as Error).message };
  }
}
