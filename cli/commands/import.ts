/**
 * `import`.
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
import { importFile } from "../verbs/transfers.ts";
import { UsageError } from "../usage_error.ts";

/** Takes a raw image into a volume. */
export const importCommand: Command = defineCommand({
  words: ["import"],
  usage: "FILE VOLUME [--create] --store URL [--state DIR] [--json]",
  summary: "Take a raw image or block device into a volume.",
  details:
    `The volume is made if it is missing. One that exists gets the image as its new
content, followed by zeros where it is larger; the state before stays in its history.
Holes and zeros cost nothing. Nobody sees half an image: the volume changes when all
of it is stored. After a kill run the same command again: it passes over what is
stored. While a server runs, the volume must not be one that it serves.

--create    make the archive, too, if it is missing`,
  options: { ...ARCHIVE_OPTIONS, create: { type: "boolean" } },
  positionalCountMax: 2,
  async run({ values, positionals, output }): Promise<number> {
    const { create = false, ...archive } = values;
    const [path, volume] = positionals;
    if (path === undefined || volume === undefined) {
      throw new UsageError(
        "Name the image and the volume: import FILE VOLUME --store URL",
      );
    }
    const choice = { ...archiveChoice(archive), create };
    await importFile(choice, { path, volume }, output);
    return ExitStatus.Done;
  },
});
