/**
 * `clone`.
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
import { parseState } from "../options/state_reference.ts";
import { changeVolume, sizeOf } from "../verbs/volumes.ts";
import { UsageError } from "../usage_error.ts";

/** Makes a writable copy in no time. */
export const cloneCommand: Command = defineCommand({
  words: ["clone"],
  usage: "SOURCE NAME --store URL [--state DIR] [--json]",
  summary: "Make a volume that begins as a state of another; copies nothing.",
  details:
    `SOURCE is VOLUME (its state now), VOLUME@SNAPSHOT, VOLUME@TIME or root:HASH.`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 2,
  async run({ values, positionals, output }): Promise<number> {
    const [source, volume] = positionals;
    if (source === undefined || volume === undefined) {
      throw new UsageError(
        "Name the state and the new volume: clone disk@monday NAME --store URL",
      );
    }
    await changeVolume(
      archiveChoice(values),
      { name: "clone", request: { source: parseState(source), volume } },
      output,
      (made) =>
        `Volume ${made.volume} (${sizeOf(made)}), cloned from ${source}`,
    );
    return ExitStatus.Done;
  },
});
