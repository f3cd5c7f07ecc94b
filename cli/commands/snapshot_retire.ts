/**
 * `snapshot retire`.
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
import { retireSnapshot } from "../verbs/snapshots.ts";
import { UsageError } from "../usage_error.ts";

/** Takes a snapshot off the list. */
export const snapshotRetireCommand: Command = defineCommand({
  words: ["snapshot", "retire"],
  usage: "VOLUME NAME --store URL [--state DIR] [--json]",
  summary: "Take a snapshot off the list; nothing is deleted.",
  details: `Its state stays, and VOLUME@NAME still means it.
"snapshot list --retired" shows what was taken off.`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 2,
  async run({ values, positionals, output }): Promise<number> {
    const [volume, name] = positionals;
    if (volume === undefined || name === undefined) {
      throw new UsageError(
        "Name the volume and the snapshot: snapshot retire VOLUME NAME --store URL",
      );
    }
    await retireSnapshot(archiveChoice(values), { volume, name }, output);
    return ExitStatus.Done;
  },
});
