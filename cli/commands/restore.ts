/**
 * `restore`.
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
import { parseStateOf } from "../options/state_reference.ts";
import { changeVolume, sizeOf } from "../verbs/volumes.ts";
import { UsageError } from "../usage_error.ts";

/** Moves a volume's head to an old state. */
export const restoreCommand: Command = defineCommand({
  words: ["restore"],
  usage: "VOLUME STATE --store URL [--state DIR] [--json]",
  summary:
    "Move a volume to an old state; the present one stays in its history.",
  details:
    `STATE is a SNAPSHOT of the volume, a TIME such as 2027-03-01T09:30:00Z, or
root:HASH; history VOLUME shows what there is. Not while the volume is served:
serve it at another address as VOLUME@TIME to look first, or use clone.`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 2,
  async run({ values, positionals, output }): Promise<number> {
    const [volume, text] = positionals;
    if (volume === undefined || text === undefined) {
      throw new UsageError(
        "Name the volume and its old state: restore disk monday --store URL",
      );
    }
    const state = parseStateOf(volume, text);
    await changeVolume(
      archiveChoice(values),
      { name: "restore", request: { volume, state } },
      output,
      (restored) =>
        `Volume ${restored.volume} (${
          sizeOf(restored)
        }) is as it was in ${text}`,
    );
    return ExitStatus.Done;
  },
});
