/**
 * `export`.
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
import { parseState, STATE_FORM } from "../options/state_reference.ts";
import { exportImage } from "../verbs/transfers.ts";
import { UsageError } from "../usage_error.ts";

/** Writes a state as a raw image. */
export const exportCommand: Command = defineCommand({
  words: ["export"],
  usage: "STATE FILE|- [--overwrite] --store URL [--state DIR] [--json]",
  summary: "Write a state of a volume as a raw image, sparse and verified.",
  details: `STATE is ${STATE_FORM}.
FILE is written under another name, FILE.ROOT.partial, until it is complete; after a
kill run the same command again: what is there and right is not read from the archive
again. A block device is written in place. With - the image goes to stdout.

--overwrite    replace a file that exists, or write over a block device`,
  options: { ...ARCHIVE_OPTIONS, overwrite: { type: "boolean" } },
  positionalCountMax: 2,
  async run({ values, positionals, output }): Promise<number> {
    const { overwrite = false, ...archive } = values;
    const [state, path] = positionals;
    if (state === undefined || path === undefined) {
      throw new UsageError(
        "Name the state and the file: export disk@monday FILE --store URL",
      );
    }
    const target = { path, overwrite };
    const choice = archiveChoice(archive);
    await exportImage(choice, parseState(state), target, output);
    return ExitStatus.Done;
  },
});
