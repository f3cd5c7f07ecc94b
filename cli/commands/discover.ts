/**
 * `discover`.
 *
 * @module
 */

import { type Command, defineCommand } from "../command.ts";
import { discover } from "../verbs/discover.ts";
import { ExitStatus } from "../exit_status.ts";

/** Shows every target on the segment. */
export const discoverCommand: Command = defineCommand({
  words: ["discover"],
  usage: "[--interface IF] [--json]",
  summary: "List all targets on the Ethernet segment, of any AoE server.",
  details:
    `--interface IF    where to look; repeat it for several, leave it out for all
--json            one JSON object a target

An address that several hosts serve has a line for each: with one serial number
they are paths to one disk, with others they are two disks, one too many.

A size of ? means that the target did not tell this host: it may be reserved
for others. A target whose allow list or mask leaves this host out is not seen.`,
  options: {
    interface: { type: "string", multiple: true },
    json: { type: "boolean" },
  },
  positionalCountMax: 0,
  async run({ values, output }): Promise<number> {
    await discover(values.interface, output);
    return ExitStatus.Done;
  },
});
