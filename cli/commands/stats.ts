/**
 * `stats`.
 *
 * @module
 */

import {
  ARCHIVE_OPTIONS,
  archiveChoice,
  type Command,
  defineCommand,
} from "../command.ts";
import { showStats } from "../verbs/stats.ts";

/** Shows data, distinct data and stored bytes. */
export const statsCommand: Command = defineCommand({
  words: ["stats"],
  usage: "[VOLUME] --store URL [--state DIR] [--json]",
  summary: "Show what volumes and snapshots take, and what dedup saves.",
  details:
    `DATA are the blocks that are not zeros, UNIQUE the distinct ones among them,
COMPRESSED what these take in the packs. Pointer blocks are read, data is not.
The exit status is 20 where blocks are missing.`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 1,
  async run({ values, positionals, output }): Promise<number> {
    return await showStats(archiveChoice(values), positionals[0], output);
  },
});
