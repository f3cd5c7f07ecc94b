/**
 * `rebuild`.
 *
 * @module
 */

import {
  ARCHIVE_OPTIONS,
  archiveChoice,
  type Command,
  defineCommand,
} from "../command.ts";
import { ExitStatus } from "../exit_status.ts";
import { rebuildState } from "../verbs/rebuild.ts";

/** Makes the index anew. */
export const rebuildCommand: Command = defineCommand({
  words: ["rebuild"],
  usage: "--store URL [--state DIR] [--json]",
  summary: "Make the index of a state folder anew.",
  details:
    `The index is made from the directories of all packs; the journal is not touched.
A server that starts without an index does the same by itself. Not while a server
uses the state folder.`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 0,
  async run({ values, output }): Promise<number> {
    await rebuildState(archiveChoice(values), output);
    return ExitStatus.Done;
  },
});
