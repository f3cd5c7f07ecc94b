/**
 * `ping`.
 *
 * @module
 */

import { type Command, defineCommand } from "../command.ts";
import { parseCount } from "../options/count_option.ts";
import { ping } from "../verbs/ping.ts";
import { parseAddress } from "../options/target_option.ts";
import { UsageError } from "../usage_error.ts";

const COUNT_DEFAULT = 5;
const COUNT_MAX = 1_000_000;

/** Measures how fast a target answers. */
export const pingCommand: Command = defineCommand({
  words: ["ping"],
  usage: "SHELF.SLOT [--interface IF] [--count N] [--json]",
  summary: "Measure how fast a target answers, and what is lost.",
  details:
    `--interface IF    where to look; repeat it for several, leave it out for all
--count N         how many times, ${COUNT_DEFAULT} if left out
--json            the summary as a JSON object

Asks for the config string, which takes no disk. The exit status is 1 when
nothing answers.`,
  options: {
    interface: { type: "string", multiple: true },
    count: { type: "string" },
    json: { type: "boolean" },
  },
  positionalCountMax: 1,
  run({ values, positionals, output }): Promise<number> {
    const [address] = positionals;
    if (address === undefined) {
      throw new UsageError(
        "Name the target: ping SHELF.SLOT, such as ping 1.0",
      );
    }
    return ping({
      ...parseAddress(address),
      ...(values.interface === undefined
        ? {}
        : { interfaces: values.interface }),
      count: values.count === undefined
        ? COUNT_DEFAULT
        : parseCount("--count", values.count, COUNT_MAX),
    }, output);
  },
});
