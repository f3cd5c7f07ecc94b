/**
 * `target clear`.
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
import { clearTarget } from "../verbs/targets.ts";
import { UsageError } from "../usage_error.ts";

/** Has a running server forget what clients left behind in a target. */
export const targetClearCommand: Command = defineCommand({
  words: ["target", "clear"],
  usage:
    "SHELF.SLOT [--reservation] [--mask] [--config-string] --store URL | --state DIR [--json]",
  summary: "Forget the reservation, mask or config string of a served target.",
  details: `--reservation     all hosts may read and write again
--mask            all hosts see the target again, but for its allow list
--config-string   as if no client had ever set one

For a target whose client is gone for good, or has locked everybody out. A host
that has the disk in use does not learn that another may write to it now.`,
  options: {
    ...ARCHIVE_OPTIONS,
    reservation: { type: "boolean" },
    mask: { type: "boolean" },
    "config-string": { type: "boolean" },
  },
  positionalCountMax: 1,
  async run({ values, positionals, output }): Promise<number> {
    const [address] = positionals;
    if (address === undefined) {
      throw new UsageError("Name the target: target clear SHELF.SLOT --mask");
    }
    const what = {
      reservation: values.reservation === true,
      mask: values.mask === true,
      configString: values["config-string"] === true,
    };
    if (!Object.values(what).includes(true)) {
      throw new UsageError(
        "Say what to clear: --reservation, --mask or --config-string",
      );
    }
    await clearTarget(serverChoice(values), address, what, output);
    return ExitStatus.Done;
  },
});
