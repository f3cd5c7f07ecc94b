/**
 * `status`.
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
import { showStatus } from "../verbs/status.ts";

/** Shows how far the store of a running server is behind. */
export const statusCommand: Command = defineCommand({
  words: ["status"],
  usage: "--store URL | --state DIR [--json]",
  summary: "Show how far a running server's store is behind.",
  details: `--store URL    the server that holds this archive
--state DIR    the server with this state folder; works while its store is away
--json         one JSON object: unarchivedBytes, lagSeconds, maxLagSeconds, behind,
               journalBytes, journalBytesMax, fill (0 to 1), full and writesRefused
               (texts, while something is full), ...`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 0,
  async run({ values, output }): Promise<number> {
    await showStatus(serverChoice(values), output);
    return ExitStatus.Done;
  },
});
