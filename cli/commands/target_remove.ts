/**
 * `target remove`.
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
import { removeTarget } from "../verbs/targets.ts";
import { UsageError } from "../usage_error.ts";

/** Has a running server stop serving a target. */
export const targetRemoveCommand: Command = defineCommand({
  words: ["target", "remove"],
  usage: "SHELF.SLOT --store URL | --state DIR [--json]",
  summary: "Stop serving a target on a running server.",
  details:
    `Unmount the disk on its clients first: they are not told, and wait for it to
return. What is on the disk stays, except in memory and in a clone, which go.

Waits until the archive has the last writes of a volume; then it may be renamed,
restored or retired, although the server runs.`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 1,
  async run({ values, positionals, output }): Promise<number> {
    const [address] = positionals;
    if (address === undefined) {
      throw new UsageError("Name the target: target remove SHELF.SLOT");
    }
    await removeTarget(serverChoice(values), address, output);
    return ExitStatus.Done;
  },
});
