/**
 * `diff`.
 *
 * @module
 */

import {
  ARCHIVE_OPTIONS,
  archiveChoice,
  type Command,
  defineCommand,
} from "../command.ts";
import { showDiff } from "../verbs/diff.ts";
import { parseState } from "../options/state_reference.ts";
import { UsageError } from "../usage_error.ts";

/** Compares two states. */
export const diffCommand: Command = defineCommand({
  words: ["diff"],
  usage: "A B --store URL [--state DIR] [--json]",
  summary: "Show the sectors that differ between two states.",
  details:
    `A and B are VOLUME (its state now), VOLUME@SNAPSHOT, VOLUME@TIME or root:HASH.
The ranges are whole blocks of 8 sectors. It takes time in proportion to what
differs, not to the size of the volumes.`,
  options: ARCHIVE_OPTIONS,
  positionalCountMax: 2,
  async run({ values, positionals, output }): Promise<number> {
    const [from, to] = positionals;
    if (from === undefined || to === undefined) {
      throw new UsageError(
        "Name two states: diff disk@monday disk --store URL",
      );
    }
    const states = { from: parseState(from), to: parseState(to) };
    return await showDiff(archiveChoice(values), states, output);
  },
});
