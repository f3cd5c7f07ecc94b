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
  usage: "",
  summary: "Print the version.",
  options: {},
  positionalCountMax: 0,
  run({ output }): Promise<number> {
    output.line(`deepshelf ${denoConfig.version}`);
    return Promise.resolve(ExitStatus.Done);
  },
});
