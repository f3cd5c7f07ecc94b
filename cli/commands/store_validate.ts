/**
 * `store validate`.
 *
 * @module
 */

import {
  ARCHIVE_OPTIONS,
  archiveChoice,
  type Command,
  defineCommand,
} from "../command.ts";
import { validateChosen } from "../verbs/store_validate.ts";

/** Finds out whether a store can be trusted with an archive. */
export const storeValidateCommand: Command = defineCommand({
  words: ["store", "validate"],
  usage: "URL | --store URL | --config FILE [--create] [--json]",
  summary:
    "Find out whether a store keeps what an archive rests on, and how fast it is.",
  details:
    `Tries every promise of a store on the service itself: whole blobs and ranges, of 32
creators of one blob one winner, listings past 1000 blobs, giving up, keys, errors
and that they show no secret. Then it stores and reads blobs of 16 MiB for some
seconds and suggests settings. All happens below a new key that begins with
validate-, and is deleted in the end where the store can delete; otherwise it
says what is left. The exit status is 1 where a promise is broken.

--create         make the place (a folder, a bucket) if it is missing`,
  options: { ...ARCHIVE_OPTIONS, create: { type: "boolean" } },
  positionalCountMax: 1,
  async run({ values, positionals, output }): Promise<number> {
    const { create = false, ...archive } = values;
    const [store = archive.store] = positionals;
    const choice = archiveChoice(
      store === undefined ? archive : { ...archive, store },
    );
    return await validateChosen(choice, { create }, output);
  },
});
