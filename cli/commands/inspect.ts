/**
 * `inspect`.
 *
 * @module
 */

import {
  ARCHIVE_OPTIONS,
  archiveChoice,
  type Command,
  defineCommand,
} from "../command.ts";
import { inspect } from "../verbs/inspect.ts";
import { UsageError } from "../usage_error.ts";

/** Shows what a file of an archive holds. */
export const inspectCommand: Command = defineCommand({
  words: ["inspect"],
  usage: "WHAT [--block SCORE] [--store URL [--state DIR]] [--json]",
  summary: "Show in words what a file or blob of an archive holds, verified.",
  details:
    `WHAT is a file (a pack, a root, a snapshot, a claim, a journal segment, a run of
the index) or, with --store, a blob's key such as format, the name of a pack, the
score of a block, or root:HASH. The exit status is 20 where something in it is damaged.

--block SCORE    of a pack, show this block: bytes of data, scores of pointers;
                 the first 40 digits will do`,
  options: { ...ARCHIVE_OPTIONS, block: { type: "string" } },
  positionalCountMax: 1,
  async run({ values, positionals, output }): Promise<number> {
    const { block, ...archive } = values;
    const [what] = positionals;
    if (what === undefined) {
      throw new UsageError("Name a file or blob: inspect WHAT [--store URL]");
    }
    const named = archive.store !== undefined || archive.config !== undefined;
    return await inspect({
      what,
      ...(block === undefined ? {} : { block }),
      ...(named ? { archive: archiveChoice(archive) } : {}),
    }, output);
  },
});
