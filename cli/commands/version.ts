/**
 * `version`.
 *
 * @module
 */

import denoConfig from "../../deno.json" with { type: "json" };
import { type Command, defineCommand } from "../command.ts";
import { ExitStatus } from "../exit_status.ts";

/** Prints the version. */
export const versionCommand: Command = defineCommand({
  words: ["version"],
  usage: "[--json]",
  summary: "Print the version.",
  options: { json: { type: "boolean" } },
  positionalCountMax: 0,
  run({ output }): Promise<number> {
    const { version } = denoConfig;
    output.line(`deepshelf ${version}`);
    output.result({ version });
    return Promise.resolve(ExitStatus.Done);
  },
});
