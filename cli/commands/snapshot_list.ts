/**
 * `snapshot list`.
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
import { listSnapshots } from "../snapshots.ts";

/** Lists snapshots with their root hashes. */
export const snapshotListCommand: Command = defineCommand({
  words: ["snapshot", "list"],
  usage: "[VOLUME] --store URL [--state DIR] [--json]",
  summary: "List snapshots, oldest first, with their root hashes.",
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 1,
  async run({ values, positionals, output }): Promise<number> {
    await listSnapshots(archiveChoice(values), positionals[0], output);
    return ExitStatus.Done;
  },
});
