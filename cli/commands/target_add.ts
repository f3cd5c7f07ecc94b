/**
 * `target add`.
 *
 * @module
 */

import {
  ARCHIVE_OPTIONS,
  type Command,
  defineCommand,
  serverChoice,
} from "../command.ts";
import { ExitStatus } from "../exit_status.ts";
import { addTarget } from "../verbs/targets.ts";
import { UsageError } from "../usage_error.ts";

/** Has a running server serve one more target. */
export const targetAddCommand: Command = defineCommand({
  words: ["target", "add"],
  usage:
    "SHELF.SLOT=DISK[,OPTION...] --store URL | --state DIR [--create] [--json]",
  summary: "Serve one more disk on a running server, until it stops.",
  details:
    `DISK and OPTION are those of serve --target: main.ts help serve lists them.

--store URL    the server that holds this archive
--state DIR    the server with this state folder
--create       make a volume or file with a SIZE if it is missing`,
  options: { ...ARCHIVE_OPTIONS, create: { type: "boolean" } },
  positionalCountMax: 1,
  async run({ values, positionals, output }): Promise<number> {
    const { create = false, ...server } = values;
    const [target] = positionals;
    if (target === undefined) {
      throw new UsageError(
        "Name the target: target add SHELF.SLOT=DISK, such as 1.1=disk@monday",
      );
    }
    await addTarget(serverChoice(server), target, create, output);
    return ExitStatus.Done;
  },
});
