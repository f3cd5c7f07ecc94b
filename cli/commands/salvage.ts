/**
 * `salvage`.
 *
 * @module
 */

import {
  ARCHIVE_OPTIONS,
  archiveChoice,
  type Command,
  defineCommand,
} from "../command.ts";
import { salvageJournal } from "../verbs/salvage.ts";
import { UsageError } from "../usage_error.ts";

/** Shows what can be kept of a damaged journal, and keeps it. */
export const salvageCommand: Command = defineCommand({
  words: ["salvage"],
  usage: "--store URL [--keep all|before] [--state DIR] [--json]",
  summary: "Show what can be kept of a damaged journal, and keep it.",
  details:
    `A journal that is damaged before its end is refused when a server starts. Without
--keep nothing is changed: told is what is sound and what is lost, by volume and
sector. What is kept takes the journal's place, and the damaged one stays beside
it; the server then starts as ever. Not while a server uses the state folder.

--keep all       every write that is sound. Only the lost sectors are as before;
                 as all that was written after them is kept, a file system may
                 need its check
--keep before    only what was written before the damage: the disks are as after
                 a power cut at that time`,
  options: { ...ARCHIVE_OPTIONS, keep: { type: "string" } },
  positionalCountMax: 0,
  async run({ values, output }): Promise<number> {
    const { keep, ...archive } = values;
    if (keep !== undefined && keep !== "all" && keep !== "before") {
      throw new UsageError(
        `Cannot keep "${keep}": choose --keep all or --keep before`,
      );
    }
    return await salvageJournal(archiveChoice(archive), keep, output);
  },
});
