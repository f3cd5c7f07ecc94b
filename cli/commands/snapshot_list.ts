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
import { listSnapshots } from "../verbs/snapshots.ts";

/** Lists snapshots with their root hashes. */
export const snapshotListCommand: Command = defineCommand({
  words: ["snapshot", "list"],
  usage: "[VOLUME] [--retired] --store URL [--state DIR] [--json]",
  summary: "List snapshots, oldest first, with their root hashes.",
  options: { ...ARCHIVE_OPTIONS, retired: { type: "boolean" } },
  positionalCountMax: 1,
  async run({ values, positionals, output }): Promise<number> {
    const { retired = false, ...archive } = values;
    const [volume] = positionals;
    const wanted = volume === undefined ? { retired } : { volume, retired };
    await listSnapshots(archiveChoice(archive), wanted, output);
    return ExitStatus.Done;
  },
});
