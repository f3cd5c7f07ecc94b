/**
 * `target list`.
 *
 * @module
 */

import {
  ARCHIVE_OPTIONS,
  type Command,
  defineCommand,
  serverChoice,
} from "../command.ts";
import { ExitStatus } from "../exit_status.ts";
import { listTargets } from "../verbs/targets.ts";

/** Shows what a running server serves. */
export const targetListCommand: Command = defineCommand({
  words: ["target", "list"],
  usage: "--store URL | --state DIR [--json]",
  summary: "List the targets of a running server.",
  details: `--store URL    the server that holds this archive
--state DIR    the server with this state folder
--json         one JSON object a target, with its counters`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 0,
  async run({ values, output }): Promise<number> {
    await listTargets(serverChoice(values), output);
    return ExitStatus.Done;
  },
});
