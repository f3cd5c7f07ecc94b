/**
 * `volume unretire`.
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

/** Shows a hidden volume again. */
export const volumeUnretireCommand: Command = defineCommand({
  words: ["volume", "unretire"],
  usage: "NAME|ID [NEWNAME] --store URL [--state DIR] [--json]",
  summary: "Bring a retired volume back, under a new name if given.",
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 2,
  async run({ values, positionals, output }): Promise<number> {
    const [volume, name] = positionals;
    if (volume === undefined) {
      throw new UsageError(
        "Name the volume: volume unretire NAME --store URL; volume list --retired shows them",
      );
    }
    const request = name === undefined ? { volume } : { volume, name };
    await changeVolume(
      archiveChoice(values),
      { name: "volume unretire", request },
      output,
      (back) => `Volume ${back.volume} is back`,
    );
    return ExitStatus.Done;
  },
});
