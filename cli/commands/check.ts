/**
 * `check`.
 *
 * @module
 */

import {
  ARCHIVE_OPTIONS,
  archiveChoice,
  type Command,
  defineCommand,
} from "../command.ts";
import { checkStructure } from "../verbs/check.ts";

/** Checks that every root reaches all of its blocks. */
export const checkCommand: Command = defineCommand({
  words: ["check"],
  usage: "--store URL [--state DIR] [--json]",
  summary: "Check that every state reaches all of its blocks; reads no data.",
  details:
    `All roots of all volumes, their snapshots and pointer blocks are read and
verified; of data blocks it is only checked that a pack in the store has them.
The exit status is 20 where something is missing or damaged.`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 0,
  async run({ values, output }): Promise<number> {
    return await checkStructure(archiveChoice(values), output);
  },
});
