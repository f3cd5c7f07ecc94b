/**
 * `volume retire`.
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

/** Hides a volume. */
export const volumeRetireCommand: Command = defineCommand({
  words: ["volume", "retire"],
  usage: "NAME --store URL [--state DIR] [--json]",
  summary: "Hide a volume and free its name; nothing is deleted.",
  details:
    `Its states can be served by root hash, and volume unretire brings it back.
Not while it is served.`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 1,
  async run({ values, positionals, output }): Promise<number> {
    const [volume] = positionals;
    if (volume === undefined) {
      throw new UsageError("Name the volume: volume retire NAME --store URL");
    }
    await changeVolume(
      archiveChoice(values),
      { name: "volume retire", request: { volume } },
      output,
      (retired) =>
        `Volume ${retired.volume} (id ${retired.volumeId}) is retired`,
    );
    return ExitStatus.Done;
  },
});
