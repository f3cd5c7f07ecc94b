/**
 * `volume rename`.
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
import { changeVolume } from "../verbs/volumes.ts";
import { UsageError } from "../usage_error.ts";

/** Renames a volume. */
export const volumeRenameCommand: Command = defineCommand({
  words: ["volume", "rename"],
  usage: "NAME NEWNAME --store URL [--state DIR] [--json]",
  summary: "Give a volume another name.",
  details: `Its snapshots and past states go with it. Not while it is served.`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 2,
  async run({ values, positionals, output }): Promise<number> {
    const [volume, name] = positionals;
    if (volume === undefined || name === undefined) {
      throw new UsageError(
        "Name the volume and its new name: volume rename NAME NEWNAME --store URL",
      );
    }
    await changeVolume(
      archiveChoice(values),
      { name: "volume rename", request: { volume, name } },
      output,
      (renamed) => `Volume ${renamed.volume}, renamed from ${volume}`,
    );
    return ExitStatus.Done;
  },
});
