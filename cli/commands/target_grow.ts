/**
 * `target grow`.
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
import { growTarget } from "../verbs/targets.ts";
import { UsageError } from "../usage_error.ts";

/** Has a running server make a disk larger. */
export const targetGrowCommand: Command = defineCommand({
  words: ["target", "grow"],
  usage: "SHELF.SLOT [SIZE] --store URL | --state DIR [--json]",
  summary: "Make a served disk larger, and tell its clients.",
  details:
    `For a volume this is volume grow. Without SIZE a file or block device that has grown by itself is measured again.
Clients are told at once; a Linux client takes note with aoe-revalidate eS.T.`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 2,
  async run({ values, positionals, output }): Promise<number> {
    const [address, size] = positionals;
    if (address === undefined) {
      throw new UsageError("Name the target: target grow SHELF.SLOT [SIZE]");
    }
    await growTarget(serverChoice(values), address, size, output);
    return ExitStatus.Done;
  },
});
