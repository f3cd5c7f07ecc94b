/**
 * `copy`.
 *
 * @module
 */

import {
  ARCHIVE_OPTIONS,
  archiveChoice,
  type Command,
  defineCommand,
} from "../command.ts";
import { copyToStore } from "../verbs/copy.ts";
import { UsageError } from "../usage_error.ts";

/** Copies to another store. */
export const copyCommand: Command = defineCommand({
  words: ["copy"],
  usage: "[VOLUME] --to URL [--create] --store URL [--state DIR] [--json]",
  summary: "Copy a volume or all of an archive to another store.",
  details:
    `With the whole history and all snapshots; root hashes stay the same. Only what is
missing is copied, whole packs, each verified; states follow when all of their packs
are there. So it can be killed and run again, and be repeated to bring what is new.
The copy of one volume has the packs it needs, with what else lies in them. No server
may write the destination meanwhile, and none may have changed the volume there.
A snapshot's name that is there for another state is left as it is and listed as a
conflict; all else is copied, and the exit status is 1.

--to URL    the destination: file:PATH, s3://..., azure://...
--create    make an archive there if there is none`,
  options: {
    ...ARCHIVE_OPTIONS,
    to: { type: "string" },
    create: { type: "boolean" },
  },
  positionalCountMax: 1,
  async run({ values, positionals, output }): Promise<number> {
    const { to, create = false, ...archive } = values;
    const [volume] = positionals;
    if (to === undefined) {
      throw new UsageError(
        "Name the destination: copy --to URL --store URL",
      );
    }
    const choice = volume === undefined
      ? { to, create }
      : { to, create, volume };
    return await copyToStore(archiveChoice(archive), choice, output);
  },
});
