/**
 * `snapshot create`.
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
import { createSnapshot } from "../snapshots.ts";
import { UsageError } from "../usage_error.ts";

/** Names the present state of a volume. */
export const snapshotCreateCommand: Command = defineCommand({
  words: ["snapshot", "create"],
  usage: "VOLUME NAME --store URL [--state DIR] [--json]",
  summary: "Name the present state of a volume, also while it is served.",
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 2,
  async run({ values, positionals, output }): Promise<number> {
    const archive = archiveChoice(values);
    const [volume, name] = positionals;
    if (volume === undefined || name === undefined) {
      throw new UsageError(
        "Name the volume and the snapshot: snapshot create VOLUME NAME --store URL",
      );
    }
    await createSnapshot(archive, { volume, name }, output);
    return ExitStatus.Done;
  },
});
